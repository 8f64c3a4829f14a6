"""Convolutions of one to three dimensions: plain, grouped, depthwise, transposed."""

from paredown.graph.axes.analysis import Analysis, Call, shape
from paredown.graph.axes.dims import Dim
from paredown.graph.axes.rules.table import overloads

__all__ = ["RULES"]


def _convolve(a: Analysis, call: Call, *, transposed: bool) -> list[Dim]:
    x, weight = a.axes(call["input"]), a.axes(call["weight"])
    spatial = len(weight) - 2
    channel = len(x) - spatial - 1
    count = int(call["groups"])
    groups = a.algebra.leaf(count)
    groups.label = "groups"
    if transposed:
        inside = a.algebra.unify(x[channel], weight[0])
        outer, consumed = a.algebra.split(inside, count)
        if count > 1:
            a.algebra.unify(groups, outer)
        outside = a.algebra.product([groups, weight[1]])
    else:
        a.algebra.unify(x[channel], a.algebra.product([groups, weight[1]]))
        per_group = a.algebra.leaf(weight[0].size // count)
        outside = a.algebra.unify(weight[0], a.algebra.product([groups, per_group]))
        consumed = weight[1]
    for bias in a.tensors(call["bias"]):
        a.algebra.unify(outside, bias[0])
    for dim in weight[2:]:
        a.algebra.freeze(dim, "has it as its kernel")
    for dim in x[channel + 1 :]:
        a.algebra.freeze(dim, "slides over it")
    a.role(call["weight"], 0, "in" if transposed else "out")
    a.role(call["weight"], 1, "out" if transposed else "in")
    if count > 1:
        a.rewrite(call, "groups", groups)
    grid = [a.fixed(size, "slides over it") for size in shape(call.node)[channel + 1 :]]
    batch = x[:channel]
    counted = x[channel + 1 :] if transposed else grid
    a.multiply(call.node, *batch, *counted, outside, consumed, *weight[2:])
    return [*batch, outside, *grid]


def convolution(a: Analysis, call: Call) -> list[Dim]:
    """``x[N, groups * i, ...], weight[groups * o, i, ...] -> [N, groups * o, ...]``."""
    return _convolve(a, call, transposed=bool(call.first("transposed")))


def transposed_convolution(a: Analysis, call: Call) -> list[Dim]:
    """``x[N, groups * i, ...], weight[groups * i, o, ...] -> [N, groups * o, ...]``."""
    return _convolve(a, call, transposed=True)


RULES = overloads("conv1d conv2d conv3d convolution", convolution) | overloads(
    "conv_transpose1d conv_transpose2d conv_transpose3d", transposed_convolution
)
