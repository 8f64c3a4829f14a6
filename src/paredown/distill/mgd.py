"""Masked generative distillation."""

import dataclasses
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from paredown.distill.feature_loss import LearnedFeatureLoss
from paredown.distill.projector import Projector
from paredown.recipe.settings import share

__all__ = ["MGD"]


@dataclasses.dataclass(frozen=True)
class MGD(LearnedFeatureLoss):
    """The teacher's value restored from a part of the student's (Yang et al. 2022, arXiv:2205.01529).

    A random share of the student's places (of its channels, where there are no places) is set to 0; two learned 3-wide
    convolutions with a ReLU between them restore the whole, and its mean squared difference to the teacher's value
    counts. (The paper adds the squares up instead, and weights them with 2e-5 to 7e-5.)

    Attributes:
        masked: share set to 0, above 0 and below 1; the paper has 0.15 for classes and 0.65 for detection.

    """

    same_channels: ClassVar[bool] = True
    same_places: ClassVar[bool] = True

    masked: float = 0.5

    def __post_init__(self) -> None:
        share(self, "masked")

    def build(self, student: torch.Size, teacher: torch.Size) -> nn.Module:  # noqa: ARG002 (they agree)
        """See `LearnedFeatureLoss.build`."""
        return _Generator(teacher[1], len(teacher) - 2, self.masked)


class _Generator(nn.Module):
    def __init__(self, channels: int, dimensions: int, masked: float) -> None:
        super().__init__()
        self.masked = masked
        self.restore = nn.Sequential(_mix(channels, dimensions), nn.ReLU(), _mix(channels, dimensions))

    def forward(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        left = student[:, :1] if student.ndim > 2 else student
        kept = torch.rand_like(left) >= self.masked
        return functional.mse_loss(self.restore(student * kept), teacher)


def _mix(channels: int, dimensions: int) -> nn.Module:
    convolutions = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
    if dimensions not in convolutions:
        return Projector(channels, channels)
    return convolutions[dimensions](channels, channels, 3, padding=1)
