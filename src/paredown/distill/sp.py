"""Similarity-preserving distillation."""

import dataclasses
from typing import ClassVar

import torch
from torch.nn import functional

from paredown.distill.feature_loss import FeatureLoss, flat

__all__ = ["SP"]


@dataclasses.dataclass(frozen=True)
class SP(FeatureLoss):
    """Which examples of a batch are alike (Tung & Mori 2019, arXiv:1907.09682).

    ``||G_s - G_t||² / n²`` with ``G = F Fᵀ``, every row divided by its norm, and F ``[n, channels * places]``.
    The authors weight it with 3000, short trainings want 300.
    """

    usual: ClassVar[float] = 300.0

    def __call__(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """See `FeatureLoss.__call__`."""
        return functional.mse_loss(_alike(flat(student)), _alike(flat(teacher)))


def _alike(x: torch.Tensor) -> torch.Tensor:
    return functional.normalize(x @ x.T, dim=1)
