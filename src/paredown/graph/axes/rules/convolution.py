"""Convolutions of one to three dimensions: plain, grouped, depthwise, transposed."""

from typing import Any

from paredown.graph.axes.analysis import Analysis, Call, shape
from paredown.graph.axes.dims import Dim
from paredown.graph.axes.rules.table import overloads

__all__ = ["RULES"]


def _convolve(a: Analysis, call: Call, *, transposed: bool) -> list[Dim]:
    x, weight = a.axes(call["input"]), a.axes(call["weight"])
    spatial = len(weight) - 2
    channel = len(x) - spatial - 1
    count = call.whole("groups")
    groups = a.algebra.leaf(count)
    groups.label = "groups"
    if transposed:
        inside = a.algebra.unify(x[channel], weight[0])
        outer, consumed = a.algebra.split(inside, count)
        if count > 1:
            a.algebra.unify(groups, outer)
        each = weight[1]
    else:
        a.algebra.unify(x[channel], a.algebra.product([groups, weight[1]]))
        each = a.algebra.leaf(weight[0].size // count)
        a.algebra.unify(weight[0], a.algebra.product([groups, each]))
        consumed = weight[1]
    outside = a.algebra.product([groups, each])
    for bias in a.tensors(call["bias"]):
        a.algebra.unify(outside, bias[0])
    for dim in weight[2:]:
        a.algebra.freeze(dim, "has it as its kernel")
    a.role(call["weight"], 0, "in" if transposed else "out")
    a.role(call["weight"], 1, "out" if transposed else "in")
    if count > 1:
        a.rewrite(call, "groups", groups)
        a.imply([groups, each, consumed])  # every group has as many: which groups stay is no choice per channel
    grid = _grid(a, call, x[channel + 1 :], weight[2:])
    batch = x[:channel]
    counted = x[channel + 1 :] if transposed else grid
    a.multiply(call.node, *batch, *counted, outside, consumed, *weight[2:])
    return [*batch, outside, *grid]


def _grid(a: Analysis, call: Call, before: list[Dim], kernel: list[Dim]) -> list[Dim]:
    """The places of the result; where the kernel has one index and no stride, they are those of the input."""
    after = []
    for axis, (dim, size) in enumerate(zip(before, shape(call.node)[-len(before) :], strict=True)):
        stride, padding = (_at(call[name], axis) for name in ("stride", "padding"))
        if kernel[axis].size == 1 and stride == 1 and padding in {0, "valid", "same"}:
            after.append(dim)
            continue
        a.algebra.freeze(dim, "slides over it")
        after.append(a.fixed(size, "slides over it"))
    return after


def _at(setting: Any, axis: int) -> Any:
    """A setting of one spatial axis: a list may have one entry for all."""
    return setting[axis if len(setting) > axis else 0] if isinstance(setting, (list, tuple)) else setting


def convolution(a: Analysis, call: Call) -> list[Dim]:
    """``x[N, groups * i, ...], weight[groups * o, i, ...] -> [N, groups * o, ...]``."""
    return _convolve(a, call, transposed=bool(call.first("transposed")))


def transposed_convolution(a: Analysis, call: Call) -> list[Dim]:
    """``x[N, groups * i, ...], weight[groups * i, o, ...] -> [N, groups * o, ...]``."""
    return _convolve(a, call, transposed=True)


RULES = overloads("conv1d conv2d conv3d convolution", convolution) | overloads(
    "conv_transpose1d conv_transpose2d conv_transpose3d", transposed_convolution
)
