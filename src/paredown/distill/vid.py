"""Variational information distillation."""

import dataclasses
import math
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from paredown.distill.feature_loss import LearnedFeatureLoss
from paredown.distill.projector import Projector
from paredown.recipe.settings import above_zero

__all__ = ["VID"]

_SMALLEST = 1e-5


@dataclasses.dataclass(frozen=True)
class VID(LearnedFeatureLoss):
    """How well the teacher's value is predicted from the student's (Ahn et al. 2019, arXiv:1904.05835).

    ``mean of ((t - m(s))² / v + log v) / 2``: m is a learned network of three linear maps of the channels, v a learned
    variance per channel. Not 0 at best: it then is the entropy that is left.

    Attributes:
        variance: v at the start, above 0.

    """

    same_places: ClassVar[bool] = True

    variance: float = 5.0

    def __post_init__(self) -> None:
        above_zero(self, "variance")

    def build(self, student: torch.Size, teacher: torch.Size) -> nn.Module:
        """See `LearnedFeatureLoss.build`."""
        return _Predictor(student[1], teacher[1], self.variance)


class _Predictor(nn.Module):
    def __init__(self, inside: int, outside: int, variance: float) -> None:
        super().__init__()
        self.mean = nn.Sequential(
            Projector(inside, outside), nn.ReLU(), Projector(outside, outside), nn.ReLU(), Projector(outside, outside)
        )
        self.scale = nn.Parameter(torch.full((outside,), variance + math.log(-math.expm1(-variance))))

    def forward(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        variance = (functional.softplus(self.scale) + _SMALLEST).view(-1, *(1,) * (teacher.ndim - 2))
        mean: torch.Tensor = self.mean(student)
        return 0.5 * ((teacher - mean).square() / variance + variance.log()).mean()
