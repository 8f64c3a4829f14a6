"""Weights on a leash."""

import dataclasses

import torch

from paredown.graph.network import Network
from paredown.recipe.ingredient import Hook, Ingredient, TrainContext
from paredown.recipe.settings import above_zero
from paredown.regularize import layers

__all__ = ["MaxNorm"]


@dataclasses.dataclass(frozen=True)
class MaxNorm(Ingredient):
    """Keep the weights into every unit within a ball (Srebro & Shraibman 2005; Hinton et al. 2012, arXiv:1207.0580).

    After every step the weights into an output unit or channel (a row of the weight as ``[out, inputs]``) whose norm
    is above `limit` are scaled down to it.

    Attributes:
        limit: largest norm, above 0.

    """

    limit: float = 3.0

    def __post_init__(self) -> None:
        above_zero(self, "limit", what="a norm above 0")

    def start(self, context: TrainContext) -> Hook:
        """Find the weights.

        Raises:
            RecipeError: the network has no linear layers or convolutions.

        """
        return _LimitHook(tuple(layers.require(context.network, "regularize.MaxNorm").values()), self.limit)


class _LimitHook(Hook):
    def __init__(self, weights: tuple[torch.Tensor, ...], limit: float) -> None:
        self._weights = weights
        self._limit = limit

    @torch.no_grad()
    def after_step(self, network: Network) -> None:  # noqa: ARG002 (its weights are known)
        for weight in self._weights:
            norms = torch.linalg.vector_norm(weight, dim=tuple(range(1, weight.ndim)), keepdim=True)
            weight.mul_((self._limit / norms).clamp_max(1.0))
