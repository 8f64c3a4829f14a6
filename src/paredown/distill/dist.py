"""Distillation from a stronger teacher."""

import dataclasses

import torch
from torch.nn import functional

from paredown.distill.output_loss import OutputLoss
from paredown.recipe.settings import above_zero, at_least_zero

__all__ = ["DIST"]


@dataclasses.dataclass(frozen=True)
class DIST(OutputLoss):
    """Correlation of probabilities instead of their divergence (Huang et al. 2022, arXiv:2205.10536).

    ``T² (beta * mean over rows of (1 - r(p_s, p_t)) + gamma * mean over classes of (1 - r(p_s, p_t)))``: r is Pearson's
    correlation, of the classes within a row and of the rows of the batch within a class. What the student cannot reach,
    the scale, does not count; the order of classes and of examples does.

    Attributes:
        beta: weight of the correlation within rows, 0 or more.
        gamma: weight of the correlation within classes, 0 or more.
        temperature: T, above 0; 4 in the paper's experiments with small pictures, 1 with ImageNet.

    """

    beta: float = 1.0
    gamma: float = 1.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        above_zero(self, "temperature")
        at_least_zero(self, "beta", "gamma")

    def __call__(self, student: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        """See `OutputLoss.__call__`."""
        p, q = (student / self.temperature).softmax(1), (teacher / self.temperature).softmax(1)
        return self.temperature**2 * (self.beta * _apart(p, q, 1) + self.gamma * _apart(p, q, 0))


def _apart(p: torch.Tensor, q: torch.Tensor, axis: int) -> torch.Tensor:
    """Mean of 1 minus Pearson's correlation along `axis`."""
    p, q = p - p.mean(axis, keepdim=True), q - q.mean(axis, keepdim=True)
    return 1.0 - functional.cosine_similarity(p, q, axis, eps=1e-8).mean()
