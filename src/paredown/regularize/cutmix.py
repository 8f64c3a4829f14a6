"""Pictures pasted into pictures."""

import dataclasses
import math
from typing import Any

import numpy as np
import torch

from paredown.graph.structure import flatten
from paredown.recipe import batch as nesting
from paredown.recipe.ingredient import Hook, Ingredient, Targets, TrainContext
from paredown.recipe.settings import above_zero
from paredown.regularize import images

__all__ = ["CutMix"]


@dataclasses.dataclass(frozen=True)
class CutMix(Ingredient):
    """Paste a window of another picture into every picture (Yun et al. 2019, arXiv:1905.04899, equations 1 and 2).

    Per batch a weight is drawn from Beta(alpha, alpha) and a window of that share of the picture left out, with a
    centre anywhere, so that a part of it may lie outside. Inside the window stands another example of the batch, and
    the loss is the mean of the losses for both targets, weighted by the area that each really has. Targets with a
    value per pixel are pasted along. Inputs that are no pictures stay those of the first example.

    Attributes:
        alpha: above 0; 1 draws the weight uniformly.

    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        above_zero(self, "alpha")

    def start(self, context: TrainContext) -> Hook:
        """Look at the inputs.

        Raises:
            RecipeError: they hold no pictures.

        """
        images.require(context, "regularize.CutMix")
        probe = context.probe()
        return _PasteHook(self.alpha, dense=images.dense(probe.inputs, probe.target))


@dataclasses.dataclass(frozen=True)
class _Window:
    """A window by its centre and its side, all as shares of height and width."""

    row: float
    column: float
    side: float

    def inside(self, height: int, width: int) -> torch.Tensor:
        """Which pixels of ``[height, width]`` lie in it."""
        return _within(self.row, self.side, height)[:, None] & _within(self.column, self.side, width)


def _within(centre: float, side: float, length: int) -> torch.Tensor:
    middle, half = int(centre * length), int(side * length) // 2
    place = torch.arange(length)
    return (place >= middle - half) & (place < middle + half)


class _PasteHook(Hook):
    def __init__(self, alpha: float, *, dense: bool) -> None:
        self._alpha = alpha
        self._dense = dense

    def batch(self, inputs: Any, targets: Targets, generator: torch.Generator) -> tuple[Any, Targets]:
        draw = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        window = _Window(draw.random(), draw.random(), math.sqrt(1.0 - draw.beta(self._alpha, self._alpha)))
        order = torch.randperm(nesting.length(inputs), generator=generator)

        def paste(values: torch.Tensor) -> torch.Tensor:
            return torch.where(window.inside(*values.shape[-2:]), values[order], values)

        if self._dense:
            return images.change(paste, inputs), tuple((weight, paste(target)) for weight, target in targets)
        picture = next(tensor for tensor in flatten(inputs)[0] if images.picture(tensor))
        pasted = float(window.inside(*picture.shape[-2:]).float().mean())
        pairs = [
            ((weight * (1.0 - pasted), target), (weight * pasted, nesting.each(lambda t: t[order], target)))
            for weight, target in targets
        ]
        return images.change(paste, inputs), tuple(target for pair in pairs for target in pair)
