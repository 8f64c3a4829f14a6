"""A start halfway between trained and fresh."""

import dataclasses
import math

import torch

from paredown.recipe.ingredient import Hook, Ingredient, TrainContext
from paredown.recipe.settings import at_least_zero, require
from paredown.regularize import layers

__all__ = ["ShrinkPerturb"]


@dataclasses.dataclass(frozen=True)
class ShrinkPerturb(Ingredient):
    """Before training, shrink the weights and add noise (Ash & Adams 2020, arXiv:1910.08475, section 4).

    For a network that was trained on other or fewer data than it is trained on now: a warm start alone generalises
    worse than a fresh one. Weights of linear layers and convolutions become ``shrink * w + perturb * e`` with e
    normal, of the deviation of a fresh layer, ``1 / sqrt(inputs)``. Whatever else there is stays. ``Auto()`` tries
    learning rates on the weights as they were.

    Attributes:
        shrink: what is kept of the weights, from 0 to 1.
        perturb: of the noise, 0 or more.

    """

    shrink: float = 0.5
    perturb: float = 0.1

    def __post_init__(self) -> None:
        require(lambda shrink: 0.0 <= shrink <= 1.0, self, "shrink", "what is kept of the weights, from 0 to 1")
        at_least_zero(self, "perturb")

    @torch.no_grad()
    def start(self, context: TrainContext) -> Hook:
        """Change the weights of the copy that is trained.

        Raises:
            RecipeError: the network has no linear layers or convolutions.

        """
        generator = torch.Generator().manual_seed(context.seed)
        for weight in layers.require(context.network, "regularize.ShrinkPerturb").values():
            fresh = torch.randn(weight.shape, generator=generator) / math.sqrt(weight[0].numel())
            weight.mul_(self.shrink).add_(fresh.to(weight), alpha=self.perturb)
        return Hook()
