"""Operators that end an axis, or whose values along an axis depend on one another."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import fx

from paredown.graph.axes.analysis import Analysis, Call, Rule
from paredown.graph.axes.dims import Dim, size_of
from paredown.graph.axes.rules.elementwise import broadcast, pointwise
from paredown.graph.axes.rules.table import overloads

__all__ = ["RULES"]


def _named(call: Call, rank: int) -> Sequence[int]:
    dims = call.first("dim")
    if dims is None or dims == []:
        return range(rank)
    return [axis % rank for axis in ([dims] if isinstance(dims, int) else dims)] if rank else []


def _reduce(a: Analysis, call: Call, *, exact: bool, freeze: str | None = None) -> Any:
    x = a.axes(call.first("self", "input"))
    named = set(_named(call, len(x)))
    for axis in named:
        if freeze:
            a.algebra.freeze(x[axis], freeze)
    if not exact:
        a.sensitive(call.node, [x[axis] for axis in named])
    keep = bool(call.first("keepdim"))
    out = [Dim(1) if axis in named else dim for axis, dim in enumerate(x) if keep or axis not in named]
    results = call.node.meta["val"]
    return [list(out) for _ in results] if isinstance(results, (tuple, list)) else out


def total(a: Analysis, call: Call) -> Any:
    """Sums and norms: an index that holds zero contributes nothing."""
    return _reduce(a, call, exact=True)


def average(a: Analysis, call: Call) -> Any:
    """Means, variances, extremes, products: every index has its part in the result."""
    return _reduce(a, call, exact=False)


def position(a: Analysis, call: Call) -> Any:
    """``argmax`` and the extremes with indices: the result is a place."""
    if "other" in call.values:
        return pointwise(a, call)
    return _reduce(a, call, exact=False, freeze="returns places along it")


def similarity(a: Analysis, call: Call) -> list[Dim]:
    """``cosine_similarity(x1, x2, dim)``: sums over one axis of both."""
    out = broadcast(a, [a.axes(call["x1"]), a.axes(call["x2"])])
    out.pop(int(call["dim"]) % len(out))
    return out


def softmax(a: Analysis, call: Call) -> list[Dim]:
    """``softmax`` and kin over an axis: probabilities of alternatives, none may go.

    Unless they are the weights of a router: what a linear layer gives out and nothing else has changed in shape. A
    router shares its weights out among the experts that are left.
    """
    x = a.axes(call["self"])
    axis = int(call["dim"]) % len(x)
    if axis == len(x) - 1 and _routes(call["self"]):
        a.sensitive(call.node, [x[axis]])
    else:
        a.algebra.freeze(x[axis], "makes probabilities over it")
    return x


def _routes(node: Any) -> bool:
    """Whether a node is a linear layer, but for a change of type or a scale."""
    while isinstance(node, fx.Node) and node.target in _SCALES and not isinstance(node.args[1], fx.Node):
        node = node.args[0]
    return isinstance(node, fx.Node) and node.target is torch.ops.aten.linear.default


_SCALES = frozenset({torch.ops.aten.to.dtype, torch.ops.aten.mul.Tensor, torch.ops.aten.div.Tensor})


def sort(a: Analysis, call: Call) -> Any:
    """``topk``, ``sort``, ``argsort``: the axis is ordered by value."""
    x = a.axes(call["self"])
    axis = int(call.values.get("dim", -1)) % len(x)
    a.algebra.freeze(x[axis], "orders it by value")
    results = call.node.meta["val"]
    several = isinstance(results, (tuple, list))
    sized = [
        [*x[:axis], a.fixed(size_of(value.shape[axis]), "orders it by value"), *x[axis + 1 :]]
        for value in (results if several else [results])
    ]
    return sized if several else sized[0]


_rules: tuple[tuple[str, Rule], ...] = (
    ("sum nansum count_nonzero norm linalg_vector_norm any frobenius_norm", total),
    ("mean amax amin var std var_mean std_mean logsumexp prod all nanmean aminmax", average),
    ("argmax argmin max min median mode", position),
    ("cosine_similarity", similarity),
    ("softmax log_softmax _softmax _log_softmax _safe_softmax softmin", softmax),
    ("topk sort argsort cummax cummin", sort),
)

RULES: dict[object, Rule] = {
    key: rule for names, function in _rules for key, rule in overloads(names, function).items()
}
