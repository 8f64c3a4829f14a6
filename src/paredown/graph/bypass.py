"""Leaving residual blocks out."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import fx

from paredown.errors import CutError, InputError
from paredown.graph.fold import drop_unused
from paredown.graph.network import Network
from paredown.graph.residual import ADD, Block, blocks

__all__ = ["Block", "blocks", "bypass", "remove", "unused"]


def unused(network: Network, dropped: Iterable[Block]) -> tuple[frozenset[str], frozenset[str]]:
    """Names of the nodes, and of the parameters and buffers, that nothing needs once blocks are left out."""
    nodes = {node.name: node for node in network.nodes()}
    around = {nodes[block.node]: nodes[block.node].args[block.skip] for block in dropped}
    needed: set[fx.Node] = set()
    stack = [node for node in network.nodes() if node.op == "output"]
    while stack:
        node: Any = stack.pop()
        while node in around:
            node = around[node]
        if node not in needed:
            needed.add(node)
            stack += node.all_input_nodes
    gone = [node for node in network.nodes() if node not in needed and node.op != "placeholder"]
    read = {str(node.target) for node in needed if node.op == "get_attr"}
    lost = {str(node.target) for node in gone if node.op == "get_attr"} - read
    return frozenset(node.name for node in gone), frozenset(lost)


def bypass(network: Network, dropped: Sequence[Block]) -> Network:
    """A copy of a network without some blocks; what only they used is gone, parameters included.

    It is run against the network with the blocks skipped, at two batch sizes, before it is handed out.

    Args:
        network: left bit-identical.
        dropped: blocks of this network.

    Raises:
        InputError: there is no such block.
        CutError: the result does not compute what it must; nothing is handed out.

    """
    twin = remove(network.copy(), dropped)
    _prove(network, twin, dropped)
    return twin


def remove(network: Network, dropped: Sequence[Block]) -> Network:
    """Take blocks out of a network in place, unproven; returns the network.

    Raises:
        InputError: there is no such block.

    """
    graph_module = network.graph_module
    nodes = {node.name: node for node in graph_module.graph.nodes}
    for block in dropped:
        node = nodes.get(block.node)
        if node is None or node.target is not ADD:
            msg = (
                f"There is no block {block.name!r} (node {block.node!r}) in this network. Plan again for this network."
            )
            raise InputError(msg)
    gone, _ = unused(network, dropped)
    for block in dropped:
        nodes[block.node].replace_all_uses_with(nodes[block.node].args[block.skip])
    for node in reversed(list(graph_module.graph.nodes)):
        if node.name in gone:  # torch's own removal keeps operators that may draw random numbers, such as attention
            graph_module.graph.erase_node(node)
    drop_unused(graph_module)
    return network.recompile()


def _prove(before: Network, after: Network, dropped: Sequence[Block]) -> None:
    skipping = _Skipping(before.copy().eval(), dropped)
    quiet = after.copy().eval()
    device = next((tensor.device for tensor in quiet.state_dict().values()), torch.device("cpu"))
    for size in (1, 2):
        feed = [
            spec.rows(tensor, range(size)).to(device)
            for spec, tensor in zip(before.inputs, before.example, strict=True)
        ]
        with torch.no_grad():
            wanted, got = skipping.run(*feed), quiet.graph_module(*feed)
        for number, (one, two) in enumerate(zip(wanted, got, strict=True)):
            if isinstance(one, torch.Tensor) and not torch.allclose(one, two, rtol=1e-4, atol=1e-5, equal_nan=True):
                names = ", ".join(block.name for block in dropped)
                msg = f"Output {number} without the blocks {names} is not what skipping them gives. Keep these blocks."
                raise CutError(msg)


class _Skipping(fx.Interpreter):
    """Runs a graph and passes on what leads around the blocks."""

    def __init__(self, network: Network, dropped: Sequence[Block]) -> None:
        super().__init__(network.graph_module)
        self._around = {block.node: block.skip for block in dropped}

    def run_node(self, n: fx.Node) -> Any:
        if n.name in self._around:
            return self.env[n.args[self._around[n.name]]]  # type: ignore[index]
        return super().run_node(n)
