"""Weights kept near orthogonal."""

import dataclasses

import torch

from paredown.recipe.ingredient import Hook, Ingredient, Step, TrainContext
from paredown.recipe.settings import above_zero
from paredown.regularize import layers

__all__ = ["Orthogonal"]


@dataclasses.dataclass(frozen=True)
class Orthogonal(Ingredient):
    """Pull every weight to orthonormal rows or columns (Bansal et al. 2018, arXiv:1810.09102, section 3.1).

    The term is ``strength * sum over layers of ||W Wᵀ - I||²`` (Frobenius) with W the weight of a linear layer or
    convolution as ``[out, inputs]``; where there are more rows than columns it is ``||Wᵀ W - I||²``, as more vectors
    than dimensions cannot be orthogonal.

    Attributes:
        strength: of the term, above 0.

    """

    strength: float = 1e-4

    def __post_init__(self) -> None:
        above_zero(self, "strength")

    def start(self, context: TrainContext) -> Hook:
        """Find the weights.

        Raises:
            RecipeError: the network has no linear layers or convolutions.

        """
        return _OrthogonalHook(tuple(layers.require(context.network, "regularize.Orthogonal").values()), self.strength)


class _OrthogonalHook(Hook):
    def __init__(self, weights: tuple[torch.Tensor, ...], strength: float) -> None:
        self._weights = weights
        self._strength = strength

    def term(self, step: Step) -> torch.Tensor:  # noqa: ARG002 (weights alone decide)
        return self._strength * torch.stack([_distance(layers.matrix(weight)) for weight in self._weights]).sum()


def _distance(weight: torch.Tensor) -> torch.Tensor:
    rows = weight if weight.shape[0] <= weight.shape[1] else weight.T
    return (rows @ rows.T - torch.eye(len(rows), device=rows.device)).square().sum()
