"""Residual blocks: parts of a network that a skip connection leads around."""

import dataclasses
from collections.abc import Mapping

import torch
from torch import fx

from paredown.graph.network import Network, module_path
from paredown.graph.shapes import propagate

__all__ = ["ADD", "Block", "blocks"]

ADD = torch.ops.aten.add.Tensor


@dataclasses.dataclass(frozen=True)
class Block:
    """A branch ``f`` of ``x + f(x)`` whose removal leaves all shapes as they are.

    Attributes:
        name: path of the user's module that adds, numbered where it adds more than once.
        node: name of the addition.
        skip: which argument of the addition is ``x``.

    """

    name: str
    node: str
    skip: int


def blocks(network: Network) -> tuple[Block, ...]:
    """Every residual block of a network, in order of execution; one may lie inside another.

    An addition closes a block where one of its inputs is computed from the other one and that other one has the
    shape of the sum. Shortcuts that change the shape (a convolution, a padding) are no way around.
    """
    if any("val" not in node.meta for node in network.nodes() if node.op == "call_function"):
        network = propagate(network.copy())
    ancestors: dict[fx.Node, set[fx.Node]] = {}
    found: list[Block] = []
    used: dict[str, int] = {}
    for node in network.nodes():
        ancestors[node] = set().union(*(ancestors[source] | {source} for source in node.all_input_nodes), set())
        skip = _skip(node, ancestors)
        if skip is None:
            continue
        name = module_path(node) or node.name
        used[name] = used.get(name, 0) + 1
        found.append(Block(name if used[name] == 1 else f"{name}#{used[name]}", node.name, skip))
    return tuple(found)


def _skip(node: fx.Node, ancestors: Mapping[fx.Node, set[fx.Node]]) -> int | None:
    if node.target is not ADD or node.kwargs.get("alpha", 1) != 1:
        return None
    one, two = node.args[:2]
    if not isinstance(one, fx.Node) or not isinstance(two, fx.Node):
        return None
    for position, (around, branch) in enumerate(((one, two), (two, one))):
        if around.op != "get_attr" and around in ancestors[branch] and _same_shape(around, node):
            return position
    return None


def _same_shape(one: fx.Node, two: fx.Node) -> bool:
    left, right = one.meta["val"], two.meta["val"]
    return isinstance(left, torch.Tensor) and left.dtype == right.dtype and str(left.shape) == str(right.shape)
