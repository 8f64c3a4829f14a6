"""Scaled dot-product attention."""

import math

from paredown.graph.axes.analysis import Analysis, Call
from paredown.graph.axes.dims import Dim, find
from paredown.graph.axes.rules.elementwise import broadcast
from paredown.graph.axes.rules.table import overloads

__all__ = ["RULES"]


def attend(a: Analysis, call: Call) -> list[Dim]:
    """``query[..., h, l, e], key[..., h, s, e], value[..., h, s, d] -> [..., h, l, d]``.

    The default scale ``1 / sqrt(e)`` is pinned to the original. With grouped queries the heads of the query are
    ``heads of the key * repetitions``.
    """
    query, key, value = a.axes(call["query"]), a.axes(call["key"]), a.axes(call["value"])
    batch = list(query[:-2])
    if call.first("enable_gqa") and query[-3].size != key[-3].size:
        heads, each = a.algebra.split(query[-3], key[-3].size)
        a.algebra.unify(heads, key[-3])
        a.algebra.unify(heads, value[-3])
        _label(each, "queries")
        rest = broadcast(a, [query[:-3], key[:-3], value[:-3]]) if len(query) > 3 else []
        batch = [*rest, query[-3]]
        _label(heads, "heads")
    else:
        batch = broadcast(a, [query[:-2], key[:-2], value[:-2]]) if len(query) > 2 else []
        if batch:
            _label(batch[-1], "heads")
    a.algebra.unify(query[-1], key[-1])
    a.algebra.unify(key[-2], value[-2])
    for dim in (query[-2], key[-2]):
        a.algebra.freeze(dim, "makes probabilities over it")
    for mask in a.tensors(call["attn_mask"]):
        broadcast(a, [[*batch, query[-2], key[-2]], mask])
    _label(query[-1], "head_dim")
    _label(value[-1], "value_dim")
    a.imply([*batch, query[-2], key[-2]])
    if call["scale"] is None and isinstance(query[-1].size, int):
        a.rewrite(call, "scale", 1.0 / math.sqrt(query[-1].size), only=[query[-1]])
    a.multiply(call.node, *batch, query[-2], key[-2], query[-1])
    a.multiply(call.node, *batch, query[-2], key[-2], value[-1])
    return [*batch, query[-2], value[-1]]


def _label(dim: Dim, word: str) -> None:
    dim = find(dim)
    dim.label = dim.label or word


RULES = overloads("scaled_dot_product_attention", attend)
