"""Probabilistic knowledge transfer."""

import dataclasses
from typing import ClassVar

import torch
from torch.nn import functional

from paredown.distill.feature_loss import FeatureLoss, flat

__all__ = ["PKT"]

_EPSILON = 1e-7


@dataclasses.dataclass(frozen=True)
class PKT(FeatureLoss):
    """How likely each example picks each other as a neighbour (Passalis & Tefas 2018, arXiv:1803.10837).

    ``mean over i, j of p_t(j|i) log (p_t(j|i) / p_s(j|i))``, where p is ``(1 + cosine) / 2`` divided by its sum over a
    row of the batch. Comparisons of the field weight it with 30000, short trainings want 3000.
    """

    usual: ClassVar[float] = 3000.0

    def __call__(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """See `FeatureLoss.__call__`."""
        p, q = _neighbours(flat(student)), _neighbours(flat(teacher))
        return (q * ((q + _EPSILON) / (p + _EPSILON)).log()).mean()


def _neighbours(x: torch.Tensor) -> torch.Tensor:
    x = functional.normalize(x, dim=1)
    likely = (1.0 + x @ x.T).clamp_min(0.0) / 2.0
    return likely / likely.sum(1, keepdim=True)
