"""Weights kept from stretching."""

import dataclasses

import torch
from torch.nn import functional

from paredown.recipe.ingredient import Hook, Ingredient, Step, TrainContext
from paredown.recipe.settings import above_zero
from paredown.regularize import layers

__all__ = ["Spectral"]


@dataclasses.dataclass(frozen=True)
class Spectral(Ingredient):
    """Price the largest singular value of every weight (Yoshida & Miyato 2017, arXiv:1705.10941, algorithm 1).

    The term is ``strength / 2 * sum over layers of s²``, s the largest singular value of the weight of a linear layer
    or convolution as ``[out, inputs]``. It is followed by one power iteration per step.

    Attributes:
        strength: of the term, above 0.

    """

    strength: float = 0.01

    def __post_init__(self) -> None:
        above_zero(self, "strength")

    def start(self, context: TrainContext) -> Hook:
        """Find the weights and draw a direction for each.

        Raises:
            RecipeError: the network has no linear layers or convolutions.

        """
        weights = tuple(layers.require(context.network, "regularize.Spectral").values())
        generator = torch.Generator().manual_seed(context.seed)
        drawn = (torch.randn(layers.matrix(weight).shape[1], generator=generator) for weight in weights)
        return _SpectralHook(weights, [vector.to(context.device) for vector in drawn], self.strength)


class _SpectralHook(Hook):
    def __init__(self, weights: tuple[torch.Tensor, ...], directions: list[torch.Tensor], strength: float) -> None:
        self._weights = weights
        self._directions = directions
        self._strength = strength

    def term(self, step: Step) -> torch.Tensor:  # noqa: ARG002 (weights alone decide)
        squares = []
        for at, weight in enumerate(map(layers.matrix, self._weights)):
            with torch.no_grad():
                out = functional.normalize(weight @ self._directions[at], dim=0)
                self._directions[at] = functional.normalize(weight.T @ out, dim=0)
            squares.append((out @ weight @ self._directions[at]).square())
        return 0.5 * self._strength * torch.stack(squares).sum()
