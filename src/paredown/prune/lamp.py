"""Magnitude relative to what is at least as large."""

import dataclasses
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import torch

from paredown.graph.axes import Axes, Group
from paredown.graph.network import Network
from paredown.prune.aggregation import Aggregation, Mean
from paredown.prune.importance import Importance
from paredown.prune.members import score_members
from paredown.prune.normalization import ByMean

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["LAMP"]


@dataclasses.dataclass(frozen=True)
class LAMP(Importance):
    """Layer-adaptive magnitude: the energy of an index as a share of the energy that would be left without the smaller.

    ``I_j = E_j / sum over k with E_k >= E_j of E_k``, where ``E_j = mean over members m of |m_j|^2 / mean_k |m_k|^2``
    is the energy of an index of the group. Inside a group this ranks as `L2` does on squares; the best index of a group
    gets 1 (shared by equals), so that `Global` empties no group. With an outer index every row is a group of its own.

    The score of single weights of Lee, Park, Mo, Ahn, Shin: "Layer-adaptive sparsity for the magnitude-based pruning",
    ICLR 2021, arXiv:2010.07611 (equation 3), on the indices of coupled groups.

    Attributes:
        over: how the energies of the members of a group are put together.

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
        energies = score_members(network, axes, groups, self.over, lambda _, weight: weight.double().square())
        return {name: _share_of_larger(energy) for name, energy in energies.items()}


def _share_of_larger(energy: torch.Tensor) -> torch.Tensor:
    ascending = energy.sort(-1).values
    from_here = ascending.flip(-1).cumsum(-1).flip(-1)
    larger = from_here.gather(-1, torch.searchsorted(ascending, energy.contiguous()))
    return energy / larger.clamp_min(torch.finfo(energy.dtype).tiny)
