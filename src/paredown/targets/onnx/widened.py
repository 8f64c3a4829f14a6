"""Attention without heads, written with one head, which is what torch's exporter knows."""

from typing import Any

import torch
from torch import fx

from paredown.graph.network import Network
from paredown.graph.shapes import propagate

__all__ = ["widened"]

_aten = torch.ops.aten
_ATTENTION = _aten.scaled_dot_product_attention.default
_TENSORS = 4  # query, key, value, mask


def widened(network: Network) -> Network:
    """A copy in which every attention has four dimensions; the network itself where all have."""
    if not any(_missing(node) for node in network.nodes()):
        return network
    network = network.copy()
    for node in list(network.nodes()):
        if missing := _missing(node):
            _widen(network.graph_module.graph, node, missing)
    return propagate(network.recompile())


def _missing(node: fx.Node) -> int:
    """How many of the four dimensions an attention lacks."""
    return 4 - int(node.args[0].meta["val"].ndim) if node.target is _ATTENTION else 0  # type: ignore[union-attr]


def _widen(graph: fx.Graph, node: fx.Node, missing: int) -> None:
    given: list[Any] = list(node.args)
    rank = 4 - missing
    for place, source in enumerate(given[:_TENSORS]):
        if isinstance(source, fx.Node) and source.meta["val"].ndim == rank:
            with graph.inserting_before(node):
                given[place] = _heads(graph, source, missing)
    node.args = tuple(given)
    with graph.inserting_after(node):
        end = graph.create_node("call_function", _aten.squeeze.dims, (node, list(range(rank - 2, 2))))
    end.meta = dict(node.meta)
    node.replace_all_uses_with(end, delete_user_cb=lambda user: user is not end)


def _heads(graph: fx.Graph, source: fx.Node, missing: int) -> fx.Node:
    """Dimensions of one before the last two."""
    place = int(source.meta["val"].ndim) - 2
    for _ in range(missing):
        made = graph.call_function(_aten.unsqueeze.default, (source, place))
        made.meta = {key: entry for key, entry in source.meta.items() if key != "val"}
        source = made
    return source
