"""Distance from the geometric median: what is near all others can be replaced by them."""

import dataclasses
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import torch

from paredown.graph.axes import Axes, Group
from paredown.graph.cut.weights import members
from paredown.graph.network import Network
from paredown.prune.aggregation import Aggregation, Mean
from paredown.prune.importance import Importance
from paredown.prune.normalization import ByMean
from paredown.prune.places import slices

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["FPGM"]


@dataclasses.dataclass(frozen=True)
class FPGM(Importance):
    """Filter pruning via geometric median: the sum of distances to the other indices.

    ``I_j = mean over members m of D_j / mean_k D_k``, where ``D_j = sum_k |m_j - m_k|_2`` over the indices of the
    group (of the same outer index, where it has one) and ``m_j`` are the weights of member ``m`` at index ``j``: a
    filter that produces it, the slice that consumes it. The index with the smallest sum is the nearest to the geometric
    median, and what it says the others say too.

    He, Liu, Wang, Hu, Yang: "Filter pruning via geometric median for deep convolutional neural networks acceleration",
    CVPR 2019, arXiv:1811.00250 (equations 6 and 7, on filters); over coupled groups as in `L2`.

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
            group.name: self.over.combine(
                [_distances(slices(axes, group, carrier, weight), group) for carrier, weight in members(network, group)]
            )
            for group in groups
        }


def _distances(rows: torch.Tensor, group: Group) -> torch.Tensor:
    total = torch.cdist(rows, rows).sum(-1)
    return total if group.outer else total[0]
