"""A loss that changes little when inputs do."""

import dataclasses
from typing import Any

import torch

from paredown.recipe import batch
from paredown.recipe.ingredient import Hook, Ingredient, Step, TrainContext
from paredown.recipe.settings import above_zero
from paredown.regularize import slopes
from paredown.task.outputs import Objective

__all__ = ["GradientPenalty"]


@dataclasses.dataclass(frozen=True)
class GradientPenalty(Ingredient):
    """Price the gradient of the loss by the inputs (Drucker & Le Cun 1992; Ross & Doshi-Velez 2018, arXiv:1711.09404).

    The term is ``strength`` times the mean over examples of ``||d loss / d inputs||²``, the loss being that of the
    single example. A step costs two forward and three backward passes, the added ones in float32. Batch norm couples the
    examples of a batch, and that coupling is part of the derivative.

    Attributes:
        strength: of the term, above 0.

    """

    strength: float = 0.1

    def __post_init__(self) -> None:
        above_zero(self, "strength")

    def start(self, context: TrainContext) -> Hook:
        """Try the second derivative.

        Raises:
            RecipeError: no input is made of real numbers, or the network cannot be differentiated twice.

        """
        forward = slopes.require(context, "regularize.GradientPenalty")
        return _GradientHook(self.strength, forward, context.evidence.objective)


class _GradientHook(Hook):
    def __init__(self, strength: float, forward: slopes.Forward, objective: Objective) -> None:
        self._strength = strength
        self._forward = forward
        self._objective = objective

    def term(self, step: Step) -> torch.Tensor:
        n = batch.length(step.inputs)

        def loss(outputs: Any) -> torch.Tensor:  # a mean over examples; n times it is their sum
            return (
                n * torch.stack([share * self._objective.loss(outputs, target) for share, target in step.targets]).sum()
            )

        return self._strength * slopes.square(self._forward, step.inputs, loss) / n
