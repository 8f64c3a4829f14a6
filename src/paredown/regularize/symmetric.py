"""Cross-entropy both ways."""

import dataclasses
import math
from typing import Any

import torch

from paredown.recipe.ingredient import Hook, Ingredient, TrainContext
from paredown.recipe.settings import above_zero, at_least_zero, require
from paredown.regularize import labels

__all__ = ["SymmetricCrossEntropy"]


@dataclasses.dataclass(frozen=True)
class SymmetricCrossEntropy(Ingredient):
    """Add the cross-entropy of the label under the output (Wang et al. 2019, arXiv:1908.06112, equation 7).

    Against wrong labels: the loss becomes ``alpha * loss + beta * R`` with ``R = -sum over classes of p log y``; y is
    1 for the label and 0 else, and log 0 counts as `floor`, so ``R = -floor * (1 - p of the label)``. Places whose
    target is none of the classes do not count.

    Attributes:
        alpha: weight of the task's loss, 0 or more.
        beta: weight of the reverse, above 0.
        floor: what log 0 counts as, below 0.

    """

    alpha: float = 0.1
    beta: float = 1.0
    floor: float = -4.0

    def __post_init__(self) -> None:
        at_least_zero(self, "alpha")
        above_zero(self, "beta")
        require(lambda floor: -math.inf < floor < 0, self, "floor", "what log 0 counts as, below 0")

    def start(self, context: TrainContext) -> Hook:
        """Look for the classes.

        Raises:
            RecipeError: the targets are no class indices.

        """
        axis = labels.require(context, "regularize.SymmetricCrossEntropy is a loss for classes")
        return _SymmetricHook(self, axis)


class _SymmetricHook(Hook):
    def __init__(self, settings: SymmetricCrossEntropy, axis: int) -> None:
        self._settings = settings
        self._axis = axis

    def loss(self, loss: torch.Tensor, outputs: Any, target: Any) -> torch.Tensor:
        missed = -torch.expm1(labels.log_probability(outputs, target, self._axis))
        reverse = -self._settings.floor * labels.mean(missed, target, outputs.shape[self._axis])
        return self._settings.alpha * loss + self._settings.beta * reverse
