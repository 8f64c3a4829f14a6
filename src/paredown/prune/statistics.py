"""Statistics of batch norms that fit a changed network: recovery that needs no training."""

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import fx

from paredown.graph.network import Network
from paredown.recipe.plan import Plan
from paredown.recipe.transform import Transform

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Reestimate", "reestimate", "write_statistics"]


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


def reestimate(network: Network, batches: Iterable[list[torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Running means and variances by buffer name; the network is left bit-identical.

    Args:
        network: any network; empty result where it has no batch norm with running statistics.
        batches: flat inputs in the network's order.

    """
    collect = _Collect(network.graph_module)
    if not collect.nodes:
        return {}
    with torch.no_grad():
        for inputs in batches:
            collect.weight = len(inputs[0])
            collect.seen += collect.weight
            collect.run(*inputs)
    return {name: (total / collect.seen).to(torch.float32) for name, total in collect.totals.items()}


def write_statistics(network: Network, statistics: "Any") -> Network:
    """Put statistics into a network's buffers, in place; returns the network."""
    buffers = dict(network.named_buffers(remove_duplicate=False))
    with torch.no_grad():
        for name, tensor in statistics.items():
            buffers[name].copy_(tensor)
    return network


class _Collect(fx.Interpreter):
    """Runs every batch norm on the statistics of its batch and sums these up, weighted by examples."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.nodes = {
            node: (str(node.args[3].target), str(node.args[4].target))
            for node in module.graph.nodes
            if node.target is torch.ops.aten.batch_norm.default
            and all(isinstance(arg, fx.Node) and arg.op == "get_attr" for arg in node.args[3:5])
        }
        self.totals: dict[str, torch.Tensor] = {}
        self.weight = 0
        self.seen = 0

    def run_node(self, n: fx.Node) -> Any:
        if n not in self.nodes:
            return super().run_node(n)
        args, _ = self.fetch_args_kwargs_from_env(n)
        x = args[0]
        axes = [axis for axis in range(x.ndim) if axis != 1]
        if x.numel() == x.shape[1]:
            return super().run_node(n)  # one value per channel has no variance
        variance, mean = torch.var_mean(x, axes)
        for name, value in zip(self.nodes[n], (mean, variance), strict=True):
            self.totals[name] = self.totals.get(name, 0.0) + value.double() * self.weight
        return torch.nn.functional.batch_norm(x, None, None, args[1], args[2], True, 0.0, args[7])
