"""A graph's values for many batches at once, computed as far as they are needed."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import fx

from paredown.graph.fakequantize import tensor_of
from paredown.graph.network import Network

__all__ = ["Walk", "call"]


class Walk:
    """Runs a graph node by node, every node on all batches before the next one.

    When the walk stands in front of a layer, what it reads is known for every batch, and each layer was run once:
    later layers see the numbers that earlier ones were given on the way. A value is forgotten after its last use, so
    memory follows the widest place of the network and not its depth.

    Args:
        network: in eval mode; a parameter is read when the walk comes to its reader.
        batches: flat inputs, in the network's order.

    """

    def __init__(self, network: Network, batches: Sequence[Sequence[torch.Tensor]]) -> None:
        self._module = network.graph_module
        self._nodes = list(network.nodes())
        self._place = {node.name: place for place, node in enumerate(self._nodes)}
        self._last = {node: max((self._place[user.name] for user in node.users), default=-1) for node in self._nodes}
        self._batches = batches
        self._values: dict[fx.Node, list[Any]] = {}
        self._reached = 0
        self._inputs = 0

    def until(self, name: str) -> None:
        """Compute everything before a node."""
        self._go(self._place[name])

    def through(self, name: str) -> None:
        """Compute everything before a node, and the node itself."""
        self._go(self._place[name] + 1)

    def value(self, name: str) -> list[Any]:
        """The value of a node that is still needed, batch by batch."""
        return self._values[self._nodes[self._place[name]]]

    @torch.no_grad()
    def _go(self, end: int) -> None:
        for place in range(self._reached, end):
            node = self._nodes[place]
            if node.op == "placeholder":
                self._values[node] = [inputs[self._inputs] for inputs in self._batches]
                self._inputs += 1
            elif node.op == "call_function":
                sources = node.all_input_nodes
                self._values[node] = [
                    call(self._module, node, {source: self._values[source][i] for source in sources if _made(source)})
                    for i in range(len(self._batches))
                ]
            for source in [*node.all_input_nodes, node]:
                if self._last[source] <= place:
                    self._values.pop(source, None)
        self._reached = max(self._reached, end)


def call(module: fx.GraphModule, node: fx.Node, values: dict[fx.Node, Any]) -> Any:
    """What a node computes from the values of others; parameters and buffers are taken from the module."""

    def known(source: fx.Node) -> Any:
        return values[source] if _made(source) else tensor_of(module, str(source.target))

    args, kwargs = fx.map_arg((node.args, node.kwargs), known)
    target: Any = node.target
    return target(*args, **kwargs)


def _made(node: fx.Node) -> bool:
    return node.op != "get_attr"
