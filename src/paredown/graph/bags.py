"""Bags of embeddings of one length, as the rows they pick and what is made of these.

``nn.EmbeddingBag`` on ``[batch, words]`` is exported with offsets, which files turn into a loop over bags. Written as an
embedding and a mean, sum or maximum it is cut, stored in 8 bits and run like any other embedding.
"""

from typing import Any

import torch
from torch import fx

__all__ = ["open_bags"]

_aten = torch.ops.aten
_BAG = _aten.embedding_bag.padding_idx
_POOLS = {0: _aten.sum.dim_IntList, 1: _aten.mean.dim, 2: _aten.amax.default}


def open_bags(graph: fx.Graph) -> None:
    """Replace bags of one length; others, and those with a padding index, stay."""
    for node in list(graph.nodes):
        if node.target is _BAG:
            _open(graph, node)


def _open(graph: fx.Graph, node: fx.Node) -> None:
    defaults = (argument.default_value for argument in _BAG._schema.arguments[len(node.args) :])
    given: list[Any] = [*node.args, *defaults]
    weight, flat, offsets, scaled, mode, sparse, factors, last, padding = given
    rows, weights = _rows(flat), _rows(factors)
    parts = list(node.users)
    if rows is None or last or padding not in {None, -1} or not _even(offsets, rows):
        return
    if (factors is not None and weights is None) or any(part.args[1] and part.users for part in parts):
        return
    with graph.inserting_before(node):
        picked = _call(graph, node, _aten.embedding.default, (weight, rows, -1, scaled, sparse))
        if weights is not None:
            column = _call(graph, node, _aten.unsqueeze.default, (weights, -1))
            picked = _call(graph, node, _aten.mul.Tensor, (picked, column))
        pooled = _call(graph, node, _POOLS[mode], (picked, [1]))
    for part in parts:
        if part.users:
            pooled.meta["val"] = part.meta["val"]
            part.replace_all_uses_with(pooled)
        graph.erase_node(part)
    graph.erase_node(node)


def _call(graph: fx.Graph, like: fx.Node, target: Any, args: tuple[Any, ...]) -> fx.Node:
    made = graph.call_function(target, args)
    made.meta = {key: entry for key, entry in like.meta.items() if key != "val"}
    return made


def _rows(flat: Any) -> fx.Node | None:
    """The matrix ``[batch, words]`` that was made one row, if it was."""
    if not isinstance(flat, fx.Node) or flat.target not in {_aten.reshape.default, _aten.view.default}:
        return None
    source: Any = flat.args[0]
    return source if source.meta["val"].ndim == 2 and flat.meta["val"].ndim == 1 else None


def _even(offsets: Any, rows: fx.Node) -> bool:
    """Whether bags begin at every row."""
    if not isinstance(offsets, fx.Node) or offsets.target is not _aten.arange.start_step:
        return False
    start, end, step = offsets.args[:3]
    entries = isinstance(end, fx.Node) and end.target is _aten.sym_numel.default and end.args[0] is rows
    return bool(entries and start == 0 and step == rows.meta["val"].shape[1])
