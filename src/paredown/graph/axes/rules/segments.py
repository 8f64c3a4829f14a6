"""Operators that put axes one after another or take parts of them."""

from typing import Any

import torch

from paredown.graph.axes.analysis import KEEP, Analysis, Call, shape
from paredown.graph.axes.dims import Dim, Misfit, leaves, size_of
from paredown.graph.axes.rules.table import overloads

__all__ = ["RULES"]


def concatenate(a: Analysis, call: Call) -> list[Dim]:
    """``cat(tensors, dim)``: a sum of segments."""
    tensors = [dims for dims in (a.axes(node) for node in call["tensors"]) if [d.size for d in dims] != [0]]
    axis = int(call["dim"]) % len(tensors[0])
    out = list(tensors[0])
    for other in tensors[1:]:
        for position, dim in enumerate(other):
            if position != axis:
                a.algebra.unify(out[position], dim)
    out[axis] = a.algebra.sum([dims[axis] for dims in tensors])
    return out


def divide(a: Analysis, call: Call) -> list[list[Dim]]:
    """``split``, ``chunk``, ``tensor_split``, ``unsafe_chunk``: consecutive segments, their sizes made explicit."""
    x = a.axes(call["self"])
    axis = int(call["dim"]) % len(x)
    parts = []
    rest = x[axis]
    results = call.node.meta["val"]
    for value in results[:-1]:
        first, rest = a.algebra.part(rest, size_of(value.shape[axis]))
        parts.append(first)
    parts.append(rest)
    if all(isinstance(part.size, int) for part in parts):
        a.rewrite(call, "split_sizes", parts, target=torch.ops.aten.split_with_sizes.default)
    else:
        a.algebra.freeze(x[axis], "splits an axis of varying size")
    return [[*x[:axis], part, *x[axis + 1 :]] for part in parts]


def take(a: Analysis, call: Call) -> list[Dim]:
    """``slice(x, dim, start, end, step)``: a run of segments; a step takes the inner factor apart."""
    x = a.axes(call["self"])
    axis = int(call["dim"]) % len(x)
    size, out = x[axis].size, shape(call.node)[axis]
    start, end, step = call["start"] or 0, call["end"], int(call["step"])
    if size == out and step == 1:
        return x
    if not isinstance(size, int) or not isinstance(start, int) or not isinstance(end, int | None):
        return _fix(a, x, axis, out, "slices an axis of varying size")
    start = min(max(start + size if start < 0 else start, 0), size)
    end = size if end is None else min(max(end + size if end < 0 else end, start), size)
    if step != 1:
        return _stride(a, x, axis, (start, end, step), out)
    before, rest = a.algebra.part(x[axis], start)
    middle, after = a.algebra.part(rest, end - start)
    if start:
        a.rewrite(call, "start", before)
    if after.size:
        a.rewrite(call, "end", a.algebra.sum([before, middle]))
    x[axis] = middle
    return x


def narrow(a: Analysis, call: Call) -> list[Dim]:
    """``narrow(x, dim, start, length)``."""
    x = a.axes(call["self"])
    axis = int(call["dim"]) % len(x)
    start, length = call["start"], call["length"]
    if not isinstance(start, int) or not isinstance(length, int) or not isinstance(x[axis].size, int):
        return _fix(a, x, axis, shape(call.node)[axis], "slices an axis of varying size")
    before, rest = a.algebra.part(x[axis], start % x[axis].size if start < 0 else start)
    middle, _ = a.algebra.part(rest, length)
    a.rewrite(call, "start", before)
    a.rewrite(call, "length", middle)
    x[axis] = middle
    return x


def _fix(a: Analysis, x: list[Dim], axis: int, size: Any, why: str) -> list[Dim]:
    a.algebra.freeze(x[axis], why)
    return [*x[:axis], a.fixed(size, why), *x[axis + 1 :]]


def _stride(a: Analysis, x: list[Dim], axis: int, where: tuple[int, int, int], out: Any) -> list[Dim]:
    start, end, step = where
    whole = isinstance(x[axis].size, int) and x[axis].size % step == 0 and start < step and end == x[axis].size
    if not whole or all(dim.frozen for dim in leaves(x[axis])):
        return _fix(a, x, axis, out, "takes every so many-th index")
    outer, inner = a.algebra.split(x[axis], x[axis].size // step)
    a.algebra.freeze(inner, "takes every so many-th index")
    return [*x[:axis], outer, *x[axis + 1 :]]


def select(a: Analysis, call: Call) -> list[Dim]:
    """``select(x, dim, index)``: the axis ends; its indices have places, so none may go."""
    x = a.axes(call["self"])
    dim = x.pop(int(call["dim"]) % len(x))
    a.algebra.freeze(dim, "picks an index by its place")
    return x


def unbind(a: Analysis, call: Call) -> list[list[Dim]]:
    """``unbind(x, dim)``: one tensor per index."""
    x = a.axes(call["self"])
    dim = x.pop(int(call["dim"]) % len(x))
    a.algebra.freeze(dim, "picks its indices one by one")
    return [list(x) for _ in call.node.meta["val"]]


def pad(a: Analysis, call: Call) -> list[Dim]:
    """``pad``: constants before and after an axis are segments of their own, whose amounts follow a cut."""
    x = a.axes(call["self"])
    amounts = list(call["pad"])
    constant = call.first("mode") in ("constant", None)
    follow: list[Any] = [KEEP] * len(amounts)
    for pair, (before, after) in enumerate(zip(amounts[::2], amounts[1::2], strict=True)):
        axis = len(x) - 1 - pair
        if before == after == 0:
            continue
        size = shape(call.node)[axis]
        if not constant or not isinstance(before, int) or not isinstance(after, int) or before < 0 or after < 0:
            x = _fix(a, x, axis, size, "pads it with its own values")
            continue
        zeros = [a.algebra.leaf(before), a.algebra.leaf(after)]
        for place, dim in enumerate(zeros):
            dim.label = ("padding before", "padding after")[place]
            if dim.size:
                follow[2 * pair + place] = dim
        x[axis] = a.algebra.sum([zeros[0], x[axis], zeros[1]])
    a.rewrite(call, "pad", follow)
    return x


def pad_spatial(a: Analysis, call: Call) -> list[Dim]:
    """``reflection_pad``, ``replication_pad``: the padded axes stay as they are."""
    x = a.axes(call["self"])
    for pair in range(len(call["padding"]) // 2):
        axis = len(x) - 1 - pair
        x = _fix(a, x, axis, shape(call.node)[axis], "pads it with its own values")
    return x


def reorder(a: Analysis, call: Call) -> list[Dim]:
    """``roll``, ``flip``, ``cumsum``: places along the named axes matter, the others pass."""
    x = a.axes(call["self"])
    dims = call.first("dims", "dim")
    named = range(len(x)) if dims is None or dims == [] else [dims] if isinstance(dims, int) else dims
    for axis in named:
        a.algebra.freeze(x[axis], "moves values along it")
    return x


def halve(a: Analysis, call: Call) -> list[Dim]:
    """``glu(x, dim)``: both halves are one axis."""
    x = a.axes(call["self"])
    axis = int(call["dim"]) % len(x)
    if not isinstance(x[axis].size, int):
        msg = "an axis of varying size"
        raise Misfit(msg)
    value, gate = a.algebra.part(x[axis], x[axis].size // 2)
    x[axis] = a.algebra.unify(value, gate)
    return x


RULES = (
    overloads("cat concat concatenate", concatenate)
    | overloads("split chunk tensor_split split_with_sizes unsafe_chunk unsafe_split unsafe_split_with_sizes", divide)
    | overloads("slice slice_copy", take)
    | overloads("narrow", narrow)
    | overloads("select select_copy", select)
    | overloads("unbind", unbind)
    | overloads("pad constant_pad_nd", pad)
    | overloads(
        "reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d",
        pad_spatial,
    )
    | overloads("roll flip cumsum cumprod logcumsumexp", reorder)
    | overloads("glu", halve)
)
