"""Normalizations."""

from paredown.graph.axes.analysis import Analysis, Call
from paredown.graph.axes.dims import Dim, find
from paredown.graph.axes.rules.table import overloads

__all__ = ["RULES"]


def channel_norm(a: Analysis, call: Call) -> list[Dim]:
    """``batch_norm``, ``instance_norm``: one weight, bias, mean and variance per channel."""
    x = a.axes(call["input"])
    for vector in a.tensors(call["weight"], call["bias"], call["running_mean"], call["running_var"]):
        a.algebra.unify(x[1], vector[0])
    if call.first("training") or call.first("use_input_stats"):
        a.sensitive(call.node, [dim for axis, dim in enumerate(x) if axis != 1])
    return x


def layer_norm(a: Analysis, call: Call) -> list[Dim]:
    """``layer_norm``, ``rms_norm`` over the last axes: each kept value depends on all others."""
    x = a.axes(call["input"])
    inner = x[-len(call["normalized_shape"]) :]
    for tensor in a.tensors(call["weight"], call.first("bias")):
        for dim, other in zip(inner, tensor, strict=True):
            a.algebra.unify(dim, other)
    a.rewrite(call, "normalized_shape", inner)
    a.sensitive(call.node, inner)
    return x


def group_norm(a: Analysis, call: Call) -> list[Dim]:
    """``group_norm``: channels are ``groups * each``; whole groups may go without changing the others."""
    x = a.axes(call["input"])
    groups, each = a.algebra.split(x[1], call.whole("num_groups"))
    find(groups).label = find(groups).label or "groups"
    for vector in a.tensors(call["weight"], call["bias"]):
        a.algebra.unify(x[1], vector[0])
    a.rewrite(call, "num_groups", groups)
    a.imply([x[0], groups])
    a.sensitive(call.node, [each, *x[2:]])
    return x


RULES = (
    overloads("batch_norm instance_norm", channel_norm)
    | overloads("layer_norm rms_norm", layer_norm)
    | overloads("group_norm", group_norm)
)
