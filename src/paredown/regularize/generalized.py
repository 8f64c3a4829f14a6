"""A loss between cross-entropy and absolute error."""

import dataclasses
from typing import Any

import torch

from paredown.recipe.ingredient import Hook, Ingredient, TrainContext
from paredown.recipe.settings import require
from paredown.regularize import labels

__all__ = ["GeneralizedCrossEntropy"]


@dataclasses.dataclass(frozen=True)
class GeneralizedCrossEntropy(Ingredient):
    """Train on ``(1 - p^q) / q``, p the probability of the label (Zhang & Sabuncu 2018, arXiv:1805.07836, equation 6).

    Against wrong labels: examples that the network gives little probability weigh less than in cross-entropy, which
    is the limit at q = 0; q = 1 is the absolute error. It stands in the place of the task's loss, so it comes before
    ingredients that reshape the loss. Places whose target is none of the classes do not count.

    Attributes:
        q: above 0, up to 1; higher bears more wrong labels and learns more slowly.

    """

    q: float = 0.7

    def __post_init__(self) -> None:
        require(lambda q: 0.0 < q <= 1.0, self, "q", "above 0, up to 1")

    def start(self, context: TrainContext) -> Hook:
        """Look for the classes.

        Raises:
            RecipeError: the targets are no class indices.

        """
        axis = labels.require(context, "regularize.GeneralizedCrossEntropy is a loss for classes")
        return _GeneralizedHook(self.q, axis)


class _GeneralizedHook(Hook):
    def __init__(self, q: float, axis: int) -> None:
        self._q = q
        self._axis = axis

    def loss(self, loss: torch.Tensor, outputs: Any, target: Any) -> torch.Tensor:  # noqa: ARG002 (it takes its place)
        logs = labels.log_probability(outputs, target, self._axis)
        return labels.mean(-torch.expm1(self._q * logs) / self._q, target, outputs.shape[self._axis])
