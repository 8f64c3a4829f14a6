"""Weight decay."""

import dataclasses

import torch
from torch import nn

from paredown.recipe.ingredient import Hook, Ingredient, TrainContext, Update
from paredown.recipe.optimizers import decaying
from paredown.recipe.settings import at_least_zero

__all__ = ["WeightDecay"]


@dataclasses.dataclass(frozen=True)
class WeightDecay(Ingredient):
    """Shrink weights a little at every step, apart from the gradient (Loshchilov & Hutter 2019, arXiv:1711.05101).

    Every weight is multiplied by ``1 - lr * strength``, in addition to what the optimizer's own ``weight_decay`` does.
    Biases, normalisation and scales of quantizers are left alone.

    Attributes:
        strength: per step and unit of learning rate, 0 or more.

    """

    strength: float = 0.05

    def __post_init__(self) -> None:
        at_least_zero(self, "strength")

    def start(self, context: TrainContext) -> Hook:
        """Find the weights."""
        return _DecayHook(self.strength, tuple(decaying(context.network).values()))


class _DecayHook(Hook):
    def __init__(self, strength: float, weights: tuple[nn.Parameter, ...]) -> None:
        self._strength = strength
        self._weights = weights

    @torch.no_grad()
    def before_step(self, update: Update) -> None:
        torch._foreach_mul_(self._weights, 1.0 - update.lr * self._strength)
