"""Magnitude of weights: data-free, and hard to beat once the network is trained on."""

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

__all__ = ["L1", "L2"]


@dataclasses.dataclass(frozen=True)
class L1(Importance):
    """Sum of absolute weights.

    ``I_j = mean over members m of |m_j|_1 / mean_k |m_k|_1``, where ``m_j`` are the weights of member ``m`` at index
    ``j``: filters that produce it, slices that consume it.

    Li, Kadav, Durdanovic, Samet, Graf: "Pruning filters for efficient ConvNets", ICLR 2017, arXiv:1608.08710; over
    coupled groups as in Fang et al., "DepGraph", CVPR 2023, arXiv:2301.12900.

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
        return score_members(network, axes, groups, self.over, lambda _, weight: weight.abs())


@dataclasses.dataclass(frozen=True)
class L2(Importance):
    """Euclidean norm of weights.

    ``I_j = mean over members m of |m_j|_2 / mean_k |m_k|_2``, where ``m_j`` are the weights of member ``m`` at index
    ``j``: filters that produce it, slices that consume it.

    Li et al., ICLR 2017, arXiv:1608.08710 (with the norm of He et al., "Soft filter pruning", IJCAI 2018,
    arXiv:1808.06866); over coupled groups as in Fang et al., CVPR 2023, arXiv:2301.12900.

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
        return score_members(
            network, axes, groups, self.over, lambda _, weight: weight.double().square(), finish=torch.sqrt
        )
