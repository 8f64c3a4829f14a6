"""Magnitude relative to what is at least as large."""

import dataclasses

import torch

from paredown.graph.axes import Axes, Carrier, Group
from paredown.graph.cut.weights import per_index
from paredown.prune.of_weights import OfWeights

__all__ = ["LAMP"]


@dataclasses.dataclass(frozen=True)
class LAMP(OfWeights):
    """Layer-adaptive magnitude: the energy of an index as a share of the energy that would be left without the smaller.

    ``I_j = E_j / sum over k with E_k >= E_j of E_k``, where ``E_j = mean over members m of |m_j|^2 / mean_k |m_k|^2``
    is the energy of an index of the group. Inside a group this ranks as `L2` does on squares; the best index of a group
    gets 1 (shared by equals), so that `Global` empties no group. With an outer index every row is a group of its own.

    The score of single weights of Lee, Park, Mo, Ahn, Shin: "Layer-adaptive sparsity for the magnitude-based pruning",
    ICLR 2021, arXiv:2010.07611 (equation 3), on the indices of coupled groups.

    Attributes:
        over: how the energies of the members of a group are put together.

    """

    def of_member(self, axes: Axes, group: Group, carrier: Carrier, weight: torch.Tensor) -> torch.Tensor:
        """See `OfWeights.of_member`."""
        return per_index(axes, group, carrier, weight.double().square())

    def of_group(self, scores: torch.Tensor) -> torch.Tensor:
        """Each energy as a share of those that are not smaller."""
        return _share_of_larger(scores)


def _share_of_larger(energy: torch.Tensor) -> torch.Tensor:
    ascending = energy.sort(-1).values
    from_here = ascending.flip(-1).cumsum(-1).flip(-1)
    larger = from_here.gather(-1, torch.searchsorted(ascending, energy.contiguous()))
    return energy / larger.clamp_min(torch.finfo(energy.dtype).tiny)
