"""Weighted soft labels."""

import dataclasses
from typing import ClassVar

import torch
from torch.nn import functional

from paredown.distill.output_loss import OutputLoss
from paredown.recipe.settings import above_zero

__all__ = ["WSLD"]

_EPSILON = 1e-7


@dataclasses.dataclass(frozen=True)
class WSLD(OutputLoss):
    """Hinton's loss, weighted by how much an example still has to teach (Zhou et al. 2021, arXiv:2102.00650).

    ``mean over rows of (1 - exp(-L_s / L_t)) * T² KL(teacher || student)``, with L the cross-entropy of student and
    teacher with the true class at temperature 1, through which no gradient flows: rows that the student already knows
    better than its teacher count little. (The paper writes the cross-entropy with the teacher, which has the same
    gradients as this divergence.)

    Attributes:
        temperature: T, above 0.

    """

    labelled: ClassVar[bool] = True

    temperature: float = 2.0

    def __post_init__(self) -> None:
        above_zero(self, "temperature")

    def __call__(self, student: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """See `OutputLoss.__call__`."""
        own = functional.cross_entropy(student.detach(), labels, reduction="none")
        taught = functional.cross_entropy(teacher, labels, reduction="none")
        weights = 1.0 - torch.exp(-own / (taught + _EPSILON))
        p, q = (logits.div(self.temperature).log_softmax(1) for logits in (student, teacher))
        divergence = functional.kl_div(p, q, reduction="none", log_target=True).sum(1)
        return self.temperature**2 * (weights * divergence).mean()
