"""Networks that several benchmarks build anew, without weights."""

import sys
from pathlib import Path

from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from resnet_cifar import ResNet

__all__ = ["resnet8", "resnet20", "resnet56"]


def resnet8() -> nn.Module:
    """One block in each of three stages."""
    return ResNet(blocks=1)


def resnet20() -> nn.Module:
    """As in `examples/cifar10_resnet20.py`."""
    return ResNet(blocks=3)


def resnet56() -> nn.Module:
    """Nine blocks in each of three stages."""
    return ResNet(blocks=9)
