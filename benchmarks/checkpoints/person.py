"""Person or none, MobileNet v1 at a quarter of its width, MLPerf Tiny: ``vww_mobilenetv1_025_96.safetensors``.

Howard et al.: "MobileNets: efficient convolutional neural networks for mobile vision applications", arXiv:1704.04861.
"""

from pathlib import Path

import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from benchmarks.checkpoints import pictures
from benchmarks.checkpoints.padding import Same

__all__ = ["SIZE", "Person", "load", "photos"]

SIZE = 96
_BLOCKS = ((8, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 128, 2))
_BLOCKS += ((128, 128, 1),) * 5 + ((128, 256, 2), (256, 256, 1))


class Person(nn.Module):
    """Pictures ``[n, 3, 96, 96]`` of 0 to 1 to logits ``[n, 2]`` (no person, person)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [Same(3, 2), nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8, eps=1e-3), nn.ReLU()]
        for narrow, wide, stride in _BLOCKS:
            layers += [
                *([Same(3, 2)] if stride == 2 else []),
                nn.Conv2d(narrow, narrow, 3, stride, 0 if stride == 2 else 1, groups=narrow),
                nn.BatchNorm2d(narrow, eps=1e-3),
                nn.ReLU(),
                nn.Conv2d(narrow, wide, 1),
                nn.BatchNorm2d(wide, eps=1e-3),
                nn.ReLU(),
            ]
        self.features = nn.Sequential(*layers)
        self.dense = nn.Linear(256, 2)

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits."""
        return self.dense(F.avg_pool2d(self.features(pictures), 3).flatten(1))


def load(data: Path) -> Person:
    """The trained network in eval mode; Keras counts depthwise and other convolutions apart."""
    stored, model = load_file(data / "mlperf-tiny/vww_mobilenetv1_025_96.safetensors"), Person()
    counts = {"conv2d": 0, "depthwise_conv2d": 0, "batch_normalization": 0}
    state = {name: tensor for name, tensor in stored.items() if name.startswith("dense.")}
    for name, layer in model.features.named_children():
        if isinstance(layer, nn.Conv2d):
            kind = "depthwise_conv2d" if layer.groups > 1 else "conv2d"
        elif isinstance(layer, nn.BatchNorm2d):
            kind = "batch_normalization"
        else:
            continue
        number, counts[kind] = counts[kind], counts[kind] + 1
        prefix = f"{kind}_{number}." if number else f"{kind}."
        state |= {
            f"features.{name}.{part.removeprefix(prefix)}": tensor
            for part, tensor in stored.items()
            if part.startswith(prefix)
        }
    model.load_state_dict(state)
    return model.eval()


def photos(data: Path, limit: int = 1000) -> Tensor:
    """Photos of ``imagenet-sample-1k`` as the network takes them."""
    return pictures.imagenet(data, (SIZE, SIZE), limit=limit)[0] / 255
