"""The scales of batch norms, as network slimming reads them."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import fx

from paredown.errors import RecipeError
from paredown.graph.axes import Axes, Group
from paredown.graph.cut.weights import per_index
from paredown.graph.network import Network
from paredown.prune.aggregation import Aggregation, Mean
from paredown.prune.importance import Importance
from paredown.prune.magnitude import L2
from paredown.prune.normalization import ByMean

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["BatchNormScale"]


@dataclasses.dataclass(frozen=True)
class BatchNormScale(Importance):
    """Absolute scale of the batch norms that an index passes.

    ``I_j = mean over batch norms b of the group of sum_{c in b_j} |gamma_c|``, where ``b_j`` are the channels of ``b``
    at index ``j``: one for plain channels.

    A group without a batch norm takes the scores of `otherwise`, brought to the mean scale of all other groups:
    ``I_j = O_j / mean_k O_k * mean |I|``. So its average index ranks as an average channel does.

    Liu, Li, Shen, Huang, Yan, Zhang: "Learning efficient convolutional networks through network slimming", ICCV 2017,
    arXiv:1708.06519. It is meant for networks trained with an L1 penalty on these scales.

    Attributes:
        over: how the batch norms of a group are put together.
        otherwise: the criterion for groups without a batch norm.

    """

    over: Aggregation = dataclasses.field(default_factory=Mean)
    otherwise: Importance = dataclasses.field(default_factory=L2)

    def score(
        self, network: Network, axes: Axes, groups: Iterable[Group], evidence: "Evidence"
    ) -> Mapping[str, torch.Tensor]:
        """See `Importance.score`; only `otherwise` may look at data.

        Raises:
            RecipeError: none of the groups has a batch norm.

        """
        groups = list(groups)
        scales = _scales(network)
        known = {
            group.name: self.over.combine(found)
            for group in groups
            if (found := [per_index(axes, group, c, scales[c.name]) for c in group.carriers if c.name in scales])
        }
        others = [group for group in groups if group.name not in known]
        if not known:
            msg = (
                f"BatchNormScale was given {len(groups)} groups, {groups[0].name!r} the first, and none has a batch norm "
                "with a scale: the model has none there, or they were folded. Use prune.L2(), or include groups that "
                "pass a batch norm."
            )
            raise RecipeError(msg)
        typical = torch.cat([score.flatten() for score in known.values()]).mean()
        rest = self.otherwise.score(network, axes, others, evidence) if others else {}
        return known | {name: ByMean().apply(score) * typical for name, score in rest.items()}


def _scales(network: Network) -> dict[str, torch.Tensor]:
    """Absolute scales of the batch norms by parameter name."""
    parameters = dict(network.named_parameters(remove_duplicate=False))
    weights = (node.args[1] for node in network.nodes() if node.target is torch.ops.aten.batch_norm.default)
    names = [str(weight.target) for weight in weights if isinstance(weight, fx.Node) and weight.op == "get_attr"]
    return {name: parameters[name].detach().abs() for name in names if name in parameters}
