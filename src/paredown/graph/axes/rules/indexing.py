"""Operators that look values up by index."""

from typing import Any

from paredown.graph.axes.analysis import Analysis, Call, shape
from paredown.graph.axes.dims import Dim
from paredown.graph.axes.rules.elementwise import broadcast
from paredown.graph.axes.rules.table import overloads

__all__ = ["RULES"]


def embedding(a: Analysis, call: Call) -> list[Dim]:
    """``weight[v, d], indices[...] -> [..., d]``."""
    weight, indices = a.axes(call["weight"]), a.axes(call["indices"])
    a.algebra.freeze(weight[0], "looks indices up in it")
    a.role(call["weight"], 1, "out")
    return [*indices, weight[1]]


def _looked_up(a: Analysis, call: Call) -> list[Dim]:
    x = a.axes(call["self"])
    given: list[Any] = [*call["indices"], *[None] * (len(x) - len(call["indices"]))]
    looked = [axis for axis, node in enumerate(given) if node is not None]
    for axis in looked:
        a.algebra.freeze(x[axis], "looks indices up in it")
    new = broadcast(a, [a.axes(given[axis]) for axis in looked])
    for dim in new:
        a.algebra.freeze(dim, "names places with it")
    rest = [dim for axis, dim in enumerate(x) if axis not in looked]
    adjacent = looked == list(range(looked[0], looked[-1] + 1))
    at = looked[0] if adjacent else 0
    return [*rest[:at], *new, *rest[at:]]


def index(a: Analysis, call: Call) -> list[Dim]:
    """``x[:, i, j]``: looked-up axes are frozen, the others pass."""
    return _looked_up(a, call)


def index_put(a: Analysis, call: Call) -> list[Dim]:
    """``x[:, i, j] = values``: as `index`, and the values have the axes of what they replace."""
    broadcast(a, [_looked_up(a, call), a.axes(call["values"])])
    return a.axes(call["self"])


def one_hot(a: Analysis, call: Call) -> list[Dim]:
    """``one_hot(x, classes)``: a new last axis, one index per class."""
    return [*a.axes(call["self"]), a.fixed(shape(call.node)[-1], "compares with it")]


def scatter(a: Analysis, call: Call) -> list[Dim]:
    """``scatter(x, dim, index, values)``: the looked-up axis is frozen; the others must be whole."""
    x = a.axes(call["self"])
    axis = int(call["dim"]) % len(x)
    a.algebra.freeze(x[axis], "looks indices up in it")
    for other in a.tensors(call["index"], call.first("src", "value")):
        for place, (dim, more) in enumerate(zip(x, other, strict=False)):
            if place != axis:
                a.algebra.unify(dim, more)
    return x


def index_select(a: Analysis, call: Call) -> list[Dim]:
    """``index_select(x, dim, indices)``."""
    x = a.axes(call["self"])
    axis = int(call["dim"]) % len(x)
    a.algebra.freeze(x[axis], "looks indices up in it")
    indices = a.axes(call["index"])
    x[axis] = indices[0] if indices else Dim(1)
    return x


def gather(a: Analysis, call: Call) -> list[Dim]:
    """``gather(x, dim, indices)``: the looked-up axis is frozen; the others must be whole."""
    x, indices = a.axes(call["self"]), a.axes(call["index"])
    axis = int(call["dim"]) % len(x)
    a.algebra.freeze(x[axis], "looks indices up in it")
    for place, (dim, other) in enumerate(zip(x, indices, strict=True)):
        if place != axis:
            a.algebra.unify(dim, other)
    return indices


RULES = (
    overloads("embedding", embedding)
    | overloads("index", index)
    | overloads("index_put index_put_ _unsafe_index_put", index_put)
    | overloads("one_hot", one_hot)
    | overloads("scatter scatter_ scatter_add scatter_add_", scatter)
    | overloads("index_select", index_select)
    | overloads("gather", gather)
)
