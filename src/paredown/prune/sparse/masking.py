"""What decides which weights become 0."""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from paredown.graph.network import Network
from paredown.prune.sparse.layers import Layer
from paredown.prune.sparse.pattern import Pattern

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Masked", "Masking"]


@dataclasses.dataclass(frozen=True)
class Masked:
    """What became of a weight.

    Attributes:
        keep: true where a weight stays, of the weight's shape.
        weight: new values of those that stay; None where they are as they were.

    """

    keep: torch.Tensor
    weight: torch.Tensor | None = None


@dataclasses.dataclass(frozen=True)
class Masking(abc.ABC):
    """Base of every method that makes weights sparse. Subclasses are final frozen dataclasses."""

    @abc.abstractmethod
    def choose(
        self, network: Network, layers: Sequence[Layer], pattern: Pattern, evidence: "Evidence"
    ) -> Mapping[str, Masked]:
        """Decide on every layer, by name of its weight. Weights that are not alive never come back.

        Args:
            network: left bit-identical.
            layers: what to decide on.
            pattern: of the zeros.
            evidence: data, for methods that look at it.

        Raises:
            RecipeError: the method looks at data and the evidence has none.

        """
