"""Hints."""

import dataclasses
from typing import ClassVar

import torch
from torch.nn import functional

from paredown.distill.feature_loss import FeatureLoss

__all__ = ["FitNets"]


@dataclasses.dataclass(frozen=True)
class FitNets(FeatureLoss):
    """Mean squared difference of the values themselves (Romero et al. 2015, arXiv:1412.6550, equation 3).

    The paper trains with the hint first and with the task afterwards; together, as here, is what later comparisons do.
    """

    same_channels: ClassVar[bool] = True
    same_places: ClassVar[bool] = True

    def __call__(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """See `FeatureLoss.__call__`."""
        return functional.mse_loss(student, teacher)
