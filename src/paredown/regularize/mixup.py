"""Mixed examples."""

import dataclasses
from typing import Any

import numpy as np
import torch

from paredown.errors import RecipeError
from paredown.graph.structure import flatten
from paredown.recipe import batch as nesting
from paredown.recipe.ingredient import Hook, Ingredient, Targets, TrainContext
from paredown.recipe.settings import above_zero

__all__ = ["Mixup"]


@dataclasses.dataclass(frozen=True)
class Mixup(Ingredient):
    """Train on weighted means of two examples (Zhang et al. 2018, arXiv:1710.09412).

    Per batch one weight is drawn from Beta(alpha, alpha); inputs are mixed with those of a shuffled batch, and the
    loss is the mean, with the same weight, of the losses for both targets.

    Attributes:
        alpha: above 0; near 0 hardly mixes, 1 draws the weight uniformly.

    """

    alpha: float = 0.2

    def __post_init__(self) -> None:
        above_zero(self, "alpha")

    def start(self, context: TrainContext) -> Hook:
        """Look at the inputs.

        Raises:
            RecipeError: an input is not made of real numbers (token ids, masks), so a mean says nothing.

        """
        found = flatten(context.probe().inputs)[0]
        whole = sorted({str(t.dtype).removeprefix("torch.") for t in found if not t.dtype.is_floating_point})
        if whole:
            msg = (
                f"regularize.Mixup takes means of inputs, and this task has inputs of type {', '.join(whole)}: the "
                "mean of two token ids is another word. Leave it out of `using`."
            )
            raise RecipeError(msg)
        return _MixupHook(self.alpha)


class _MixupHook(Hook):
    def __init__(self, alpha: float) -> None:
        self._alpha = alpha

    def batch(self, inputs: Any, targets: Targets, generator: torch.Generator) -> tuple[Any, Targets]:
        draw = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        share = float(draw.beta(self._alpha, self._alpha))
        order = torch.randperm(nesting.length(inputs), generator=generator)
        mixed = nesting.each(lambda tensor: torch.lerp(tensor[order], tensor, share), inputs)
        pairs = [
            ((weight * share, target), (weight * (1.0 - share), nesting.each(lambda tensor: tensor[order], target)))
            for weight, target in targets
        ]
        return mixed, tuple(target for pair in pairs for target in pair)
