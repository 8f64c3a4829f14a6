"""Label smoothing."""

import dataclasses
from typing import Any

import torch
from torch.nn import functional

from paredown.recipe.ingredient import Hook, Ingredient, TrainContext
from paredown.recipe.settings import require
from paredown.regularize import labels

__all__ = ["LabelSmoothing"]


@dataclasses.dataclass(frozen=True)
class LabelSmoothing(Ingredient):
    """Share a part of every label among all classes (Szegedy et al. 2016, arXiv:1512.00567, section 7).

    The task's loss becomes ``(1 - epsilon) * loss + epsilon * mean over classes of -log p``; for cross-entropy that is
    torch's ``label_smoothing``. Places whose target is none of the classes, such as
    padding, do not count.

    Attributes:
        epsilon: what is shared, from 0 to below 1.

    """

    epsilon: float = 0.1

    def __post_init__(self) -> None:
        what = "the part of a label that is shared among all classes, from 0 to below 1"
        require(lambda epsilon: 0.0 <= epsilon < 1.0, self, "epsilon", what)

    def start(self, context: TrainContext) -> Hook:
        """Look for the classes.

        Raises:
            RecipeError: the targets are no class indices.

        """
        axis = labels.require(context, "regularize.LabelSmoothing shares labels among classes")
        return _SmoothingHook(self.epsilon, axis)


class _SmoothingHook(Hook):
    def __init__(self, epsilon: float, axis: int) -> None:
        self._epsilon = epsilon
        self._axis = axis

    def loss(self, loss: torch.Tensor, outputs: Any, target: Any) -> torch.Tensor:
        even = -functional.log_softmax(outputs.float(), self._axis).mean(self._axis)
        return (1.0 - self._epsilon) * loss + self._epsilon * labels.mean(even, target, outputs.shape[self._axis])
