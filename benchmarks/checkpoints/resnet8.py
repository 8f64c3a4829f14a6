"""ResNet-8 of MLPerf Tiny for CIFAR-10: ``mlperf-tiny/resnet8_cifar10.safetensors``."""

from pathlib import Path

import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from benchmarks.checkpoints.padding import same

__all__ = ["ResNet8", "load"]


class ResNet8(nn.Module):
    """Pictures ``[n, 3, 32, 32]`` of 0 to 255 to logits ``[n, 10]``. Layers are called as Keras numbered them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv2d = nn.Conv2d(3, 16, 3, padding=1)
        self.conv2d_1, self.conv2d_2 = (nn.Conv2d(16, 16, 3, padding=1) for _ in range(2))
        self.conv2d_3, self.conv2d_4 = nn.Conv2d(16, 32, 3, stride=2), nn.Conv2d(32, 32, 3, padding=1)
        self.conv2d_5 = nn.Conv2d(16, 32, 1, stride=2)
        self.conv2d_6, self.conv2d_7 = nn.Conv2d(32, 64, 3, stride=2), nn.Conv2d(64, 64, 3, padding=1)
        self.conv2d_8 = nn.Conv2d(32, 64, 1, stride=2)
        self.batch_normalization = nn.BatchNorm2d(16, eps=1e-3)
        self.batch_normalization_1, self.batch_normalization_2 = (nn.BatchNorm2d(16, eps=1e-3) for _ in range(2))
        self.batch_normalization_3, self.batch_normalization_4 = (nn.BatchNorm2d(32, eps=1e-3) for _ in range(2))
        self.batch_normalization_5, self.batch_normalization_6 = (nn.BatchNorm2d(64, eps=1e-3) for _ in range(2))
        self.dense = nn.Linear(64, 10)

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits."""
        first = F.relu(self.batch_normalization(self.conv2d(pictures)))
        inner = F.relu(self.batch_normalization_1(self.conv2d_1(first)))
        second = F.relu(first + self.batch_normalization_2(self.conv2d_2(inner)))
        inner = F.relu(self.batch_normalization_3(self.conv2d_3(same(second, 3, 2))))
        third = F.relu(self.conv2d_5(second) + self.batch_normalization_4(self.conv2d_4(inner)))
        inner = F.relu(self.batch_normalization_5(self.conv2d_6(same(third, 3, 2))))
        fourth = F.relu(self.conv2d_8(third) + self.batch_normalization_6(self.conv2d_7(inner)))
        return self.dense(fourth.mean((2, 3)))


def load(data: Path) -> ResNet8:
    """The trained network in eval mode."""
    model = ResNet8()
    model.load_state_dict(load_file(data / "mlperf-tiny/resnet8_cifar10.safetensors"))
    return model.eval()
