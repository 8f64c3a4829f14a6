"""Directions of embeddings."""

import dataclasses
from typing import ClassVar

import torch
from torch.nn import functional

from paredown.distill.feature_loss import FeatureLoss

__all__ = ["Cosine"]


@dataclasses.dataclass(frozen=True)
class Cosine(FeatureLoss):
    """Direction of every vector: ``mean over examples and places of (1 - cosine(s, t))``.

    For embeddings, whose length says nothing; the loss that DistilBERT adds on its hidden states (Sanh et al. 2019,
    arXiv:1910.01108).
    """

    same_channels: ClassVar[bool] = True
    same_places: ClassVar[bool] = True

    def __call__(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """See `FeatureLoss.__call__`."""
        return 1.0 - functional.cosine_similarity(student, teacher, 1).mean()
