"""A price on confident outputs."""

import dataclasses

import torch
from torch.nn import functional

from paredown.recipe.ingredient import Hook, Ingredient, Step, TrainContext
from paredown.recipe.settings import above_zero
from paredown.regularize import labels

__all__ = ["ConfidencePenalty"]


@dataclasses.dataclass(frozen=True)
class ConfidencePenalty(Ingredient):
    """Subtract the entropy of the outputs from the loss (Pereyra et al. 2017, arXiv:1701.06548, section 3).

    The term is ``-strength * H(p)`` with ``H(p) = -sum over classes of p log p`` in nats and p the softmax of the
    outputs, averaged over examples (and positions, for dense outputs). Places whose target is none of
    the classes do not count.

    Attributes:
        strength: of the term, above 0.

    """

    strength: float = 0.1

    def __post_init__(self) -> None:
        above_zero(self, "strength")

    def start(self, context: TrainContext) -> Hook:
        """Look for the classes.

        Raises:
            RecipeError: the targets are no class indices.

        """
        axis = labels.require(context, "regularize.ConfidencePenalty looks at probabilities of classes")
        return _ConfidenceHook(self.strength, axis)


class _ConfidenceHook(Hook):
    def __init__(self, strength: float, axis: int) -> None:
        self._strength = strength
        self._axis = axis

    def term(self, step: Step) -> torch.Tensor:
        logs = functional.log_softmax(step.outputs.float(), self._axis)
        return self._strength * labels.mean(
            (logs.exp() * logs).sum(self._axis), step.targets[0][1], logs.shape[self._axis]
        )
