"""Correlation congruence."""

import dataclasses
import math
from typing import ClassVar

import torch
from torch.nn import functional

from paredown.distill.feature_loss import FeatureLoss, flat
from paredown.recipe.settings import above_zero, whole

__all__ = ["CC"]


@dataclasses.dataclass(frozen=True)
class CC(FeatureLoss):
    """Correlation between the examples of a batch (Peng et al. 2019, arXiv:1904.01802).

    ``||K_s - K_t||² / n²`` with the Gaussian kernel of normalized vectors x in its Taylor expansion,
    ``K = exp(-2 gamma) * sum over p = 0 … order of (2 gamma)^p / p! * (x xᵀ)^p`` entry by entry.

    Attributes:
        gamma: above 0; larger sees only near examples as alike.
        order: 1 or more.

    """

    usual: ClassVar[float] = 100.0

    gamma: float = 0.4
    order: int = 2

    def __post_init__(self) -> None:
        above_zero(self, "gamma")
        whole(self, "order")

    def __call__(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """See `FeatureLoss.__call__`."""
        return functional.mse_loss(self._kernel(flat(student)), self._kernel(flat(teacher)))

    def _kernel(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.normalize(x, dim=1)
        cosines, double = x @ x.T, 2.0 * self.gamma
        terms = [double**p / math.factorial(p) * cosines**p for p in range(self.order + 1)]
        return math.exp(-double) * torch.stack(terms).sum(0)
