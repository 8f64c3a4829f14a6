"""Decoupled knowledge distillation."""

import dataclasses
from typing import ClassVar

import torch
from torch.nn import functional

from paredown.distill.output_loss import OutputLoss
from paredown.recipe.settings import above_zero, at_least_zero

__all__ = ["DKD"]


@dataclasses.dataclass(frozen=True)
class DKD(OutputLoss):
    """The divergence of softened classes in two parts, weighted apart (Zhao et al. 2022, arXiv:2203.08679).

    ``T² (alpha * KL(b_t || b_s) + beta * KL(q_t || q_s))``, where b is the probability of the true class against all
    others together, and q that of the others among themselves. Hinton's loss is ``alpha = 1`` and, example by example,
    ``beta = 1 - p_t(true class)``, which silences the second part where the teacher is sure. The authors let the whole grow
    from nothing over the first 20 of 240 epochs, which is not done here.

    Attributes:
        alpha: weight of the first part, 0 or more.
        beta: weight of the second part, 0 or more.
        temperature: T, above 0.

    """

    labelled: ClassVar[bool] = True

    alpha: float = 1.0
    beta: float = 8.0
    temperature: float = 4.0

    def __post_init__(self) -> None:
        above_zero(self, "temperature")
        at_least_zero(self, "alpha", "beta")

    def __call__(self, student: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """See `OutputLoss.__call__`."""
        first, second = zip(*(_parts(logits / self.temperature, labels) for logits in (student, teacher)), strict=True)
        return self.temperature**2 * (self.alpha * _divergence(*first) + self.beta * _divergence(*second))


def _parts(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities of (the true class, any other), and of the others among themselves."""
    true = functional.one_hot(labels, logits.shape[1]).bool()
    others = logits[~true].view(len(logits), -1)
    both = torch.stack([logits[true], others.logsumexp(1)], 1)
    return both.log_softmax(1), others.log_softmax(1)


def _divergence(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    return functional.kl_div(student, teacher, reduction="batchmean", log_target=True)
