"""Distance from the geometric median: what is near all others can be replaced by them."""

import dataclasses

import torch

from paredown.graph.axes import Axes, Carrier, Group
from paredown.prune.of_weights import OfWeights
from paredown.prune.places import slices

__all__ = ["FPGM"]


@dataclasses.dataclass(frozen=True)
class FPGM(OfWeights):
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

    def of_member(self, axes: Axes, group: Group, carrier: Carrier, weight: torch.Tensor) -> torch.Tensor:
        """See `OfWeights.of_member`."""
        rows = slices(axes, group, carrier, weight)
        distances = torch.cdist(rows, rows).sum(-1)
        return distances if group.outer else distances[0]
