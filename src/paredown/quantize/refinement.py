"""What every algorithm that improves the numbers of a rounded network does."""

import abc
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from paredown.graph.network import Network

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Refined", "Refinement"]


@dataclasses.dataclass(frozen=True)
class Refined:
    """What a refinement found.

    Attributes:
        values: new values of weights (on their grids) and biases, by parameter name.
        reason: one sentence with the effect.
        complete: False where a deadline cut the search short.

    """

    values: Mapping[str, torch.Tensor]
    reason: str
    complete: bool = True


@dataclasses.dataclass(frozen=True)
class Refinement(abc.ABC):
    """Base of the algorithms that change weights and biases once every range is known.

    They are frozen dataclasses whose fields are the settings, and come one after the other: each is given what the ones
    before it left.
    """

    @abc.abstractmethod
    def refine(self, original: Network, rounded: Network, evidence: "Evidence") -> Refined:
        """Find better numbers.

        Args:
            original: the network in float, batch norms folded; the values to come close to.
            rounded: the same network with fake-quantize nodes; nodes that compute the same thing have the same name. A
                copy that may be changed.
            evidence: the calibration data.

        Raises:
            RecipeError: the evidence has no data.

        """
