"""SqueezeNet 1.0 as decoded from its Deep-Compression file: ``squeezenet-v1.0-deepcompressed/``.

Iandola et al.: "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size", arXiv:1602.07360.
Two thirds of its weights are 0, and no layer has more than 256 different ones.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.checkpoints import pictures

__all__ = ["SIZE", "SqueezeNet", "load", "photos"]

SIZE = 227
_MEAN = torch.tensor([123.0, 117.0, 104.0]).view(3, 1, 1)


class Fire(nn.Module):
    """A narrow 1x1 convolution, read by a 1x1 and a 3x3 one side by side."""

    def __init__(self, inputs: int, narrow: int, wide: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, narrow, 1)
        self.expand1x1 = nn.Conv2d(narrow, wide, 1)
        self.expand3x3 = nn.Conv2d(narrow, wide, 3, padding=1)

    def forward(self, values: Tensor) -> Tensor:
        values = F.relu(self.squeeze(values))
        return torch.cat([F.relu(self.expand1x1(values)), F.relu(self.expand3x3(values))], dim=1)


class SqueezeNet(nn.Module):
    """Pictures ``[n, 3, 227, 227]``, RGB of 0 to 255 minus the mean, to logits ``[n, 1000]``."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 96, 7, stride=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            Fire(96, 16, 64),
            Fire(128, 16, 64),
            Fire(128, 32, 128),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            Fire(256, 32, 128),
            Fire(256, 48, 192),
            Fire(384, 48, 192),
            Fire(384, 64, 256),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            Fire(512, 64, 256),
        )
        self.classifier = nn.Sequential(nn.Dropout(), nn.Conv2d(512, 1000, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits."""
        return self.classifier(self.features(pictures)).flatten(1)


def load(data: Path) -> SqueezeNet:
    """The trained network in eval mode."""
    model = SqueezeNet()
    with np.load(data / "squeezenet-v1.0-deepcompressed/squeezenet1_0_deepcompressed.npz") as stored:
        model.load_state_dict({name: torch.from_numpy(stored[name]) for name in stored.files})
    return model.eval()


def photos(data: Path, limit: int = 1000) -> tuple[Tensor, Tensor]:
    """The middle of the photos of ``imagenet-sample-1k`` as the network takes it, and their classes."""
    images, labels = pictures.imagenet(data, (SIZE, SIZE), crop=SIZE, limit=limit)
    return images - _MEAN, labels
