"""Outputs that change little when inputs do."""

import dataclasses

import torch

from paredown.recipe.ingredient import Hook, Ingredient, Step, TrainContext
from paredown.recipe.settings import above_zero
from paredown.regularize import slopes

__all__ = ["JacobianPenalty"]


@dataclasses.dataclass(frozen=True)
class JacobianPenalty(Ingredient):
    """Price the Jacobian of the outputs by the inputs (Hoffman, Roberts & Yaida 2019, arXiv:1908.02729, algorithm 1).

    The term is ``strength / 2`` times the mean over examples of the squared Frobenius norm of ``d outputs / d inputs``,
    estimated without bias from one random direction v per example: ``C * ||d (v · outputs) / d inputs||²`` with v
    uniform on the unit sphere of the C outputs. A step costs two forward and three backward passes, the added ones in
    float32. Batch norm couples the examples of a batch, and that coupling is part of the derivative.

    Attributes:
        strength: of the term, above 0.

    """

    strength: float = 0.01

    def __post_init__(self) -> None:
        above_zero(self, "strength")

    def start(self, context: TrainContext) -> Hook:
        """Try the second derivative.

        Raises:
            RecipeError: no input is made of real numbers, or the network cannot be differentiated twice.

        """
        forward = slopes.require(context, "regularize.JacobianPenalty")
        return _JacobianHook(self.strength, forward, torch.Generator().manual_seed(context.seed))


class _JacobianHook(Hook):
    def __init__(self, strength: float, forward: slopes.Forward, generator: torch.Generator) -> None:
        self._strength = strength
        self._forward = forward
        self._generator = generator

    def term(self, step: Step) -> torch.Tensor:
        outputs: torch.Tensor = step.outputs
        n, count = outputs.flatten(1).shape
        drawn = torch.randn(n, count, generator=self._generator)
        directions = torch.nn.functional.normalize(drawn, dim=1).to(outputs.device)

        def along(outputs: torch.Tensor) -> torch.Tensor:
            return (outputs.float().flatten(1) * directions).sum()

        total = slopes.square(self._forward, step.inputs, along)
        return 0.5 * self._strength * count * total / n
