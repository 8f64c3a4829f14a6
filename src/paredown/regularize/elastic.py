"""Weights pulled to exactly 0."""

import dataclasses

import torch
from torch import nn

from paredown.graph.network import Network
from paredown.recipe.ingredient import Hook, Ingredient, TrainContext, Update
from paredown.recipe.optimizers import decaying
from paredown.recipe.settings import above_zero, require

__all__ = ["L1", "ElasticNet"]


@dataclasses.dataclass(frozen=True)
class L1(Ingredient):
    """Shrink every weight by the same amount at every step (Tibshirani 1996; proximal: Daubechies et al. 2004).

    After the optimizer's step, with ``d = lr * strength``, every weight becomes ``sign(w) * max(|w| - d, 0)``: the
    proximal step of ``strength * sum of |w|``. Unlike its gradient it reaches 0 exactly and does not pass through the
    optimizer's scaling. Biases, normalisation and scales of quantizers are left alone.

    Attributes:
        strength: per step and unit of learning rate, above 0.

    """

    strength: float = 0.01

    def __post_init__(self) -> None:
        above_zero(self, "strength")

    def start(self, context: TrainContext) -> Hook:
        """Find the weights."""
        return _ShrinkHook(tuple(decaying(context.network).values()), self.strength, 0.0)


@dataclasses.dataclass(frozen=True)
class ElasticNet(Ingredient):
    """Shrink weights by an amount and by a share (Zou & Hastie 2005, *Regularization and variable selection*).

    The proximal step of ``strength * (share * sum of |w| + (1 - share) / 2 * sum of w²)`` after the optimizer's:
    ``sign(w) * max(|w| - lr * strength * share, 0) / (1 + lr * strength * (1 - share))``. Otherwise as `L1`.

    Attributes:
        strength: per step and unit of learning rate, above 0.
        share: of the absolute values, from 0 to 1.

    """

    strength: float = 0.01
    share: float = 0.5

    def __post_init__(self) -> None:
        above_zero(self, "strength")
        require(lambda share: 0.0 <= share <= 1.0, self, "share", "the share of the absolute values, from 0 to 1")

    def start(self, context: TrainContext) -> Hook:
        """Find the weights."""
        weights = tuple(decaying(context.network).values())
        return _ShrinkHook(weights, self.strength * self.share, self.strength * (1.0 - self.share))


class _ShrinkHook(Hook):
    def __init__(self, weights: tuple[nn.Parameter, ...], amount: float, share: float) -> None:
        self._weights = weights
        self._amount = amount
        self._share = share
        self._lr = 0.0

    def before_step(self, update: Update) -> None:
        self._lr = update.lr

    @torch.no_grad()
    def after_step(self, network: Network) -> None:  # noqa: ARG002 (its weights are known)
        for weight in self._weights:
            weight.copy_(torch.nn.functional.softshrink(weight, self._lr * self._amount))
            weight.div_(1.0 + self._lr * self._share)
