"""First-order estimate of what the loss would change by."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import torch

from paredown.graph.axes import Axes, Group
from paredown.graph.cut.weights import members, per_index
from paredown.graph.network import Network
from paredown.prune.aggregation import Aggregation, Mean
from paredown.prune.importance import Importance

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Taylor"]


@dataclasses.dataclass(frozen=True)
class Taylor(Importance):
    """First-order Taylor expansion of the loss in the weights of an index.

    ``I_j = mean over members m of sum_{s in m_j} |g_s w_s|`` with ``g = dL/dw`` averaged over the calibration data:
    the per-parameter form (equation 8) of the estimate, in units of the loss, so that indices of different groups can
    be compared.

    Molchanov, Mallya, Tyree, Frosio, Kautz: "Importance estimation for neural network pruning", CVPR 2019,
    arXiv:1906.10771.

    Attributes:
        over: how the members of a group are put together.

    """

    over: Aggregation = dataclasses.field(default_factory=Mean)

    def score(
        self, network: Network, axes: Axes, groups: Iterable[Group], evidence: "Evidence"
    ) -> Mapping[str, torch.Tensor]:
        """See `Importance.score`."""
        gradients = evidence.gradients(network)
        return {
            group.name: self.over.combine(
                [
                    per_index(axes, group, carrier, (weight.cpu() * gradients[carrier.name]).abs())
                    for carrier, weight in members(network, group)
                ]
            )
            for group in groups
        }
