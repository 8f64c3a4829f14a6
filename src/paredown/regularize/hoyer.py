"""Sparse whatever the size."""

import dataclasses
from collections.abc import Callable, Sequence

import torch

from paredown.recipe.ingredient import Hook, Ingredient, Step, TrainContext
from paredown.recipe.settings import above_zero, flags
from paredown.regularize import layers
from paredown.regularize.coupled import coupled

__all__ = ["Hoyer"]


@dataclasses.dataclass(frozen=True)
class Hoyer(Ingredient):
    """The squared Hoyer measure: it counts what is not 0, is differentiable, and does not care how large weights are.

    The term is ``strength * sum over groups of (sum of n)^2 / sum of n^2``, where the n are the Euclidean norms of the
    slices of a coupled group (what leaves the network when one index is cut), or with ``slices=False`` the absolute
    weights of a layer. It is 1 where one n alone is not 0 and their number where all are equal; small ones are pulled
    down and large ones are not.

    Yang, Wen, Li: "DeepHoyer: learning sparser neural network with differentiable scale-invariant sparsity measures",
    ICLR 2020, arXiv:1908.09979 (equations 4 and 7).

    Attributes:
        strength: of the term, above 0.
        slices: whole slices rather than single weights.

    """

    strength: float = 1e-3
    slices: bool = True

    def __post_init__(self) -> None:
        above_zero(self, "strength")
        flags(self, "slices")

    def start(self, context: TrainContext) -> Hook:
        """Find the weights.

        Raises:
            RecipeError: the network has no group that can be cut, or with ``slices=False`` no layer with weights.

        """
        if self.slices:
            groups = coupled(context.network, "regularize.Hoyer")
            squares = [lambda group=group: group.sums(torch.square) for group in groups]
        else:
            weights = layers.require(context.network, "regularize.Hoyer").values()
            squares = [lambda weight=weight: weight.square().flatten() for weight in weights]
        return _HoyerHook(squares, self.strength)


class _HoyerHook(Hook):
    def __init__(self, squares: Sequence[Callable[[], torch.Tensor]], strength: float) -> None:
        self._squares = squares
        self._strength = strength

    def term(self, step: Step) -> torch.Tensor:  # noqa: ARG002 (weights alone decide)
        return self._strength * torch.stack([_measure(squares()) for squares in self._squares]).sum()


def _measure(squares: torch.Tensor) -> torch.Tensor:
    tiny = torch.finfo(squares.dtype).tiny  # the root has no slope at 0, and what is 0 stays
    return squares.clamp_min(tiny).sqrt().sum().square() / squares.sum().clamp_min(tiny)
