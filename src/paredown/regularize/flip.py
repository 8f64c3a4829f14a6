"""Random mirror images."""

import dataclasses
from typing import Any

import torch

from paredown.recipe import batch as nesting
from paredown.recipe.ingredient import Hook, Ingredient, Targets, TrainContext
from paredown.regularize import images

__all__ = ["Flip"]


@dataclasses.dataclass(frozen=True)
class Flip(Ingredient):
    """Mirror every picture left to right with probability one half; targets with a value per pixel turn along.

    For tasks where a mirrored picture keeps its class: animals, not digits.
    """

    def start(self, context: TrainContext) -> Hook:
        """Look at the inputs.

        Raises:
            RecipeError: they hold no pictures.

        """
        images.require(context, "regularize.Flip")
        probe = context.probe()
        return _FlipHook(dense=images.dense(probe.inputs, probe.target))


class _FlipHook(Hook):
    def __init__(self, *, dense: bool) -> None:
        self._dense = dense

    def batch(self, inputs: Any, targets: Targets, generator: torch.Generator) -> tuple[Any, Targets]:
        turned = torch.rand(nesting.length(inputs), generator=generator) < 0.5

        def flip(values: torch.Tensor) -> torch.Tensor:
            return torch.where(turned.reshape(-1, *(1,) * (values.ndim - 1)), values.flip(-1), values)

        if self._dense:
            targets = tuple((weight, flip(target)) for weight, target in targets)
        return images.change(flip, inputs), targets
