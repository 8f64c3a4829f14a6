"""Statistics of batch norms that fit a changed network."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import fx

from paredown.graph.network import Network

__all__ = ["reestimate", "write_statistics"]


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


def write_statistics(network: Network, statistics: Mapping[str, torch.Tensor]) -> Network:
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
