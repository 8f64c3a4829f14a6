"""Overhaul of feature distillation."""

import dataclasses
from typing import ClassVar

import torch

from paredown.distill.feature_loss import FeatureLoss

__all__ = ["OFD"]


@dataclasses.dataclass(frozen=True)
class OFD(FeatureLoss):
    """What a ReLU behind the value would let through, and no more than needed below 0 (Heo et al. 2019, arXiv:1904.01866).

    With ``t' = max(t, m)``, m the mean of the teacher's negative values of that channel: mean of ``(t' - s)²`` but where
    ``s <= t' <= 0``, which counts nothing. Tap values *before* the activation function. The paper takes m from the
    statistics of batch norm and adds squares up; here m is that of the batch.
    """

    same_channels: ClassVar[bool] = True
    same_places: ClassVar[bool] = True

    def __call__(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """See `FeatureLoss.__call__`."""
        others = [axis for axis in range(teacher.ndim) if axis != 1]
        below = teacher < 0
        margin = (teacher * below).sum(others, keepdim=True) / below.sum(others, keepdim=True).clamp_min(1)
        wanted = torch.maximum(teacher, margin)
        counted = (student > wanted) | (wanted > 0)
        return ((wanted - student).square() * counted).mean()
