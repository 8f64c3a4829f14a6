"""Neuron selectivity transfer."""

import dataclasses
from typing import ClassVar

import torch
from torch.nn import functional

from paredown.distill.feature_loss import FeatureLoss, places

__all__ = ["NST"]


@dataclasses.dataclass(frozen=True)
class NST(FeatureLoss):
    """The distribution of channels over places (Huang & Wang 2017, arXiv:1707.01219).

    Squared maximum mean discrepancy between the channels of the student and those of the teacher, each a vector over
    places of norm 1, with the kernel ``(x · y)²``; averaged over examples. Comparisons of the field weight it with 50, short trainings
    want 5.
    """

    same_places: ClassVar[bool] = True
    needs_places: ClassVar[bool] = True
    usual: ClassVar[float] = 5.0

    def __call__(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """See `FeatureLoss.__call__`."""
        s, t = (functional.normalize(places(value), dim=2) for value in (student, teacher))
        return _kernel(s, s) + _kernel(t, t) - 2.0 * _kernel(s, t)


def _kernel(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Mean of the kernel over examples and pairs of channels."""
    return (a @ b.transpose(1, 2)).square().mean()
