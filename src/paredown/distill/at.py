"""Attention transfer."""

import dataclasses
from typing import ClassVar

import torch
from torch.nn import functional

from paredown.distill.feature_loss import FeatureLoss, places
from paredown.recipe.settings import above_zero

__all__ = ["AT"]


@dataclasses.dataclass(frozen=True)
class AT(FeatureLoss):
    """Where the value is large, whatever the channel (Zagoruyko & Komodakis 2017, arXiv:1612.03928, section 3.1).

    The attention map is ``Q[place] = mean over channels of |value|^power``, divided by its norm over places; the loss
    is the mean squared difference of the two maps. Comparisons of the field weight it with 1000, short trainings want 10.

    Attributes:
        power: above 0; higher looks at the largest channels alone.

    """

    same_places: ClassVar[bool] = True
    needs_places: ClassVar[bool] = True
    usual: ClassVar[float] = 10.0

    power: float = 2.0

    def __post_init__(self) -> None:
        above_zero(self, "power")

    def __call__(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """See `FeatureLoss.__call__`."""
        return functional.mse_loss(self._map(student), self._map(teacher))

    def _map(self, value: torch.Tensor) -> torch.Tensor:
        size = value.square() if self.power == 2 else value.abs().clamp_min(1e-6).pow(self.power)
        return functional.normalize(places(size).mean(1), dim=1)
