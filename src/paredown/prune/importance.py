"""How much each index of a coupled group matters."""

import abc
import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

import torch

from paredown.graph.axes import Axes, Group
from paredown.graph.network import Network

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Importance", "best"]


@dataclasses.dataclass(frozen=True)
class Importance(abc.ABC):
    """Base of every criterion. Subclasses are final frozen dataclasses.

    An importance is ``[size]`` per group, or ``[outer, size]`` where each outer index may keep others
    (`Group.outer`): channel 3 of one attention head has nothing to do with channel 3 of the next.

    Attributes:
        word: what legends put before ``prune``; empty for criteria that need no mention there.

    """

    word: ClassVar[str] = ""

    @abc.abstractmethod
    def score(
        self, network: Network, axes: Axes, groups: Iterable[Group], evidence: "Evidence"
    ) -> Mapping[str, torch.Tensor]:
        """Importance of every index of the groups, by group name; larger matters more.

        Args:
            network: left bit-identical.
            axes: its analysis.
            groups: which groups to score.
            evidence: data, for criteria that look at it.

        Raises:
            RecipeError: the criterion looks at data and the evidence has none.

        """


def best(importance: torch.Tensor, count: int) -> torch.Tensor:
    """Indices of so many largest values per row, ascending; of equal ones the first."""
    order = importance.argsort(dim=-1, descending=True, stable=True)
    return order[..., :count].sort(-1).values
