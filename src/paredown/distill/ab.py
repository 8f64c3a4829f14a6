"""Activation boundaries."""

import dataclasses
from typing import ClassVar

import torch
from torch.nn import functional

from paredown.distill.feature_loss import FeatureLoss
from paredown.recipe.settings import above_zero

__all__ = ["AB"]


@dataclasses.dataclass(frozen=True)
class AB(FeatureLoss):
    """Which neurons fire, not how strongly (Heo et al. 2019, arXiv:1811.03233).

    ``mean of relu(margin - s)²`` where the teacher's value is above 0, ``relu(margin + s)²`` elsewhere. Tap values
    *before* the activation function. It is 0 where every s is on its side by the margin, so not at s = t.

    Attributes:
        margin: above 0.

    """

    same_channels: ClassVar[bool] = True
    same_places: ClassVar[bool] = True

    margin: float = 1.0

    def __post_init__(self) -> None:
        above_zero(self, "margin")

    def __call__(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """See `FeatureLoss.__call__`."""
        return functional.relu(self.margin - torch.where(teacher > 0, student, -student)).square().mean()
