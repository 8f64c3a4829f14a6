"""Statistics of batch norms that fit a changed network: recovery that needs no training."""

import dataclasses
from typing import TYPE_CHECKING

from paredown.graph.network import Network
from paredown.graph.statistics import reestimate, write_statistics
from paredown.recipe.plan import Plan
from paredown.recipe.settings import whole
from paredown.recipe.transform import Transform

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Reestimate"]


@dataclasses.dataclass(frozen=True)
class Reestimate(Transform):
    """Compute the running statistics of every batch norm anew on the calibration data.

    ``mean = avg over batches of the batch's mean``, likewise the unbiased variance, layer after layer with the
    statistics of the batch itself, as training with a cumulative average would. After a cut this recovers most of what
    can be had for free: Li, Wu, Su, Wang: "EagleEye: fast sub-net evaluation for efficient neural network pruning",
    ECCV 2020, arXiv:2007.02491. `Channels` does it by itself where it is given data.

    Attributes:
        examples: look at so many examples at most.

    """

    examples: int = 1024

    def __post_init__(self) -> None:
        whole(self, "examples")

    def plan(self, network: Network, evidence: "Evidence") -> Plan:
        """Compute the statistics.

        Raises:
            RecipeError: the evidence has no data.

        """
        statistics = reestimate(network, evidence.calibration(self.examples, network))
        count = len(statistics) // 2
        return Plan("prune.Reestimate", f"Statistics of {count} batch norms from the calibration data.", {}, statistics)

    def apply(self, network: Network, plan: Plan) -> Network:
        """Write the statistics into a copy."""
        return write_statistics(network.copy(), plan.tensors)
