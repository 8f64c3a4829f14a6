"""Multi-level logit distillation."""

import dataclasses
import math

import torch
from torch.nn import functional

from paredown.distill.output_loss import OutputLoss
from paredown.recipe.settings import require

__all__ = ["MLKD"]


@dataclasses.dataclass(frozen=True)
class MLKD(OutputLoss):
    """Probabilities matched one by one, between rows, and between classes (Jin, Wang & Lin, CVPR 2023).

    At each temperature, with probabilities P ``[rows, classes]``:
    ``T² KL(P_t || P_s) + ||P_s P_sᵀ - P_t P_tᵀ||² / rows + ||P_sᵀ P_s - P_tᵀ P_t||² / classes``, averaged over
    temperatures. The last two grow with the number of rows: dense outputs want a small weight. The paper adds a second,
    strongly augmented view of every picture and drops unsure rows; neither belongs to the loss.

    Attributes:
        temperatures: each above 0.

    """

    temperatures: tuple[float, ...] = (2.0, 3.0, 4.0, 5.0, 6.0)

    def __post_init__(self) -> None:
        what = "one or more finite numbers above 0, in a tuple"
        require(lambda found: len(found) > 0 and all(0 < t < math.inf for t in found), self, "temperatures", what)
        object.__setattr__(self, "temperatures", tuple(self.temperatures))

    def __call__(self, student: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        """See `OutputLoss.__call__`."""
        return torch.stack([_level(student / t, teacher / t, t) for t in self.temperatures]).mean()


def _level(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    p, q = student.softmax(1), teacher.softmax(1)
    rows, classes = p.shape
    one_by_one = functional.kl_div(student.log_softmax(1), q, reduction="batchmean") * temperature**2
    return one_by_one + _products_apart(p, q) / rows + _products_apart(p.T, q.T) / classes


def _products_apart(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """``||p pᵀ - q qᵀ||²`` of ``[rows, columns]``, with memory for the square of the smaller number."""
    if len(p) <= p.shape[1]:
        return (p @ p.T - q @ q.T).square().sum()
    apart, both = p - q, p + q  # the difference is (apart bothᵀ + both apartᵀ) / 2
    across = both.T @ apart
    return 0.5 * ((apart.T @ apart) * (both.T @ both) + across * across.T).sum()
