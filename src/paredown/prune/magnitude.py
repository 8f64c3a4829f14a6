"""Magnitude of weights: data-free, and hard to beat once the network is trained on."""

import dataclasses

import torch

from paredown.graph.axes import Axes, Carrier, Group
from paredown.graph.cut.weights import per_index
from paredown.prune.of_weights import OfWeights

__all__ = ["L1", "L2"]


@dataclasses.dataclass(frozen=True)
class L1(OfWeights):
    """Sum of absolute weights.

    ``I_j = mean over members m of |m_j|_1 / mean_k |m_k|_1``, where ``m_j`` are the weights of member ``m`` at index
    ``j``: filters that produce it, slices that consume it.

    Li, Kadav, Durdanovic, Samet, Graf: "Pruning filters for efficient ConvNets", ICLR 2017, arXiv:1608.08710; over
    coupled groups as in Fang et al., "DepGraph", CVPR 2023, arXiv:2301.12900.

    Attributes:
        over: how the members of a group are put together.

    """

    def of_member(self, axes: Axes, group: Group, carrier: Carrier, weight: torch.Tensor) -> torch.Tensor:
        """See `OfWeights.of_member`."""
        return per_index(axes, group, carrier, weight.abs())


@dataclasses.dataclass(frozen=True)
class L2(OfWeights):
    """Euclidean norm of weights.

    ``I_j = mean over members m of |m_j|_2 / mean_k |m_k|_2``, where ``m_j`` are the weights of member ``m`` at index
    ``j``: filters that produce it, slices that consume it.

    Li et al., ICLR 2017, arXiv:1608.08710 (with the norm of He et al., "Soft filter pruning", IJCAI 2018,
    arXiv:1808.06866); over coupled groups as in Fang et al., CVPR 2023, arXiv:2301.12900.

    Attributes:
        over: how the members of a group are put together.

    """

    def of_member(self, axes: Axes, group: Group, carrier: Carrier, weight: torch.Tensor) -> torch.Tensor:
        """See `OfWeights.of_member`."""
        return per_index(axes, group, carrier, weight.double().square()).sqrt()
