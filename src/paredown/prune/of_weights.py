"""What criteria share that look at weights alone."""

import abc
import dataclasses
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import torch

from paredown.graph.axes import Axes, Carrier, Group
from paredown.graph.cut.weights import members
from paredown.graph.network import Network
from paredown.prune.aggregation import Aggregation, Mean
from paredown.prune.importance import Importance
from paredown.prune.normalization import ByMean

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["OfWeights"]


@dataclasses.dataclass(frozen=True)
class OfWeights(Importance):
    """Base of criteria that score each weight of a group for itself, and need no data.

    Attributes:
        over: how the members of a group are put together.

    """

    over: Aggregation = dataclasses.field(default_factory=partial(Mean, ByMean()))

    def score(
        self,
        network: Network,
        axes: Axes,
        groups: Iterable[Group],
        evidence: "Evidence",  # noqa: ARG002
    ) -> Mapping[str, torch.Tensor]:
        """See `Importance.score`; data is not looked at."""
        return {
            group.name: self.of_group(
                self.over.combine(
                    [self.of_member(axes, group, carrier, weight) for carrier, weight in members(network, group)]
                )
            )
            for group in groups
        }

    @abc.abstractmethod
    def of_member(self, axes: Axes, group: Group, carrier: Carrier, weight: torch.Tensor) -> torch.Tensor:
        """Scores ``[size]`` or ``[outer, size]`` by one weight that holds the group in one of its axes."""

    def of_group(self, scores: torch.Tensor) -> torch.Tensor:
        """What is made of the scores of all members together."""
        return scores
