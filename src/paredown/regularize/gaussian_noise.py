"""Noise on the inputs."""

import dataclasses
from typing import Any

import torch

from paredown.errors import RecipeError
from paredown.graph.structure import flatten
from paredown.recipe import batch as nesting
from paredown.recipe.ingredient import Hook, Ingredient, Targets, TrainContext
from paredown.recipe.settings import above_zero

__all__ = ["GaussianNoise"]


@dataclasses.dataclass(frozen=True)
class GaussianNoise(Ingredient):
    """Add normal noise to every real input (Bishop 1995, *Training with noise is equivalent to Tikhonov…*).

    Attributes:
        std: standard deviation in the unit of the inputs, above 0; inputs are usually scaled to a deviation of 1.

    """

    std: float = 0.1

    def __post_init__(self) -> None:
        above_zero(self, "std", what="a deviation above 0")

    def start(self, context: TrainContext) -> Hook:
        """Look at the inputs.

        Raises:
            RecipeError: none is made of real numbers.

        """
        found = flatten(context.probe().inputs)[0]
        if not any(tensor.dtype.is_floating_point for tensor in found):
            kinds = ", ".join(sorted({str(tensor.dtype).removeprefix("torch.") for tensor in found}))
            msg = (
                f"regularize.GaussianNoise adds real numbers to inputs, and this task has inputs of type {kinds}. "
                "Leave it out of `using`; for token ids there are `regularize.TokenDropout()` and "
                "`regularize.EmbeddingNoise()`."
            )
            raise RecipeError(msg)
        return _NoiseHook(self.std)


class _NoiseHook(Hook):
    def __init__(self, std: float) -> None:
        self._std = std

    def batch(self, inputs: Any, targets: Targets, generator: torch.Generator) -> tuple[Any, Targets]:
        def noisy(values: torch.Tensor) -> torch.Tensor:
            if not values.dtype.is_floating_point:
                return values
            return values + self._std * torch.randn(values.shape, generator=generator).to(values.dtype)

        return nesting.each(noisy, inputs), targets
