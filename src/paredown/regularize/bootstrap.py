"""Labels mixed with the network's own opinion."""

import dataclasses
from typing import Any

import torch
from torch.nn import functional

from paredown.recipe.ingredient import Hook, Ingredient, TrainContext
from paredown.recipe.settings import flags, require
from paredown.regularize import labels

__all__ = ["Bootstrap"]


@dataclasses.dataclass(frozen=True)
class Bootstrap(Ingredient):
    """Believe the label only in part (Reed et al. 2015, arXiv:1412.6596, equations 6 and 7).

    Against wrong labels: the loss becomes ``beta * loss + (1 - beta) * S``. Soft, S is the entropy of the outputs,
    ``-sum over classes of p log p``; hard, it is ``-log p`` of the class that the network itself thinks most likely.
    Places whose target is none of the classes do not count.

    Attributes:
        beta: trust in the label, from 0 to 1; the paper takes 0.95 soft and 0.8 hard.
        hard: trust the most likely class rather than all probabilities.

    """

    beta: float = 0.95
    hard: bool = False

    def __post_init__(self) -> None:
        require(lambda beta: 0.0 <= beta <= 1.0, self, "beta", "the trust in the label, from 0 to 1")
        flags(self, "hard")

    def start(self, context: TrainContext) -> Hook:
        """Look for the classes.

        Raises:
            RecipeError: the targets are no class indices.

        """
        axis = labels.require(context, "regularize.Bootstrap mixes labels with probabilities of classes")
        return _BootstrapHook(self, axis)


class _BootstrapHook(Hook):
    def __init__(self, settings: Bootstrap, axis: int) -> None:
        self._settings = settings
        self._axis = axis

    def loss(self, loss: torch.Tensor, outputs: Any, target: Any) -> torch.Tensor:
        logs = functional.log_softmax(outputs.float(), self._axis)
        own = -logs.amax(self._axis) if self._settings.hard else -(logs.exp() * logs).sum(self._axis)
        return self._settings.beta * loss + (1.0 - self._settings.beta) * labels.mean(
            own, target, logs.shape[self._axis]
        )
