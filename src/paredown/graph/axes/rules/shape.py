"""Operators that only arrange: reshape, permute, expand, repeat, stack."""

import torch

from paredown.graph.axes.analysis import KEEP, Analysis, Call, shape
from paredown.graph.axes.dims import Dim, Misfit
from paredown.graph.axes.rules.table import overloads

__all__ = ["RULES"]


def reshape(a: Analysis, call: Call) -> list[Dim]:
    """``view``, ``reshape``: merges and splits axes; its sizes follow a cut.

    A view becomes a reshape, for what a smaller convolution puts out may lie in memory in another order.
    """
    if "dtype" in call.values:
        msg = "another type seen in the same memory"
        raise Misfit(msg)
    out = a.algebra.regroup(a.axes(call["self"]), shape(call.node))
    a.rewrite(call, "shape", out, target=torch.ops.aten.reshape.default)
    return out


def merge(a: Analysis, call: Call) -> list[Dim]:
    """``flatten``, ``view_as``, ``reshape_as``: the sizes come from tensors."""
    return a.algebra.regroup(a.axes(call["self"]), shape(call.node))


def unflatten(a: Analysis, call: Call) -> list[Dim]:
    """``unflatten(x, dim, sizes)``."""
    out = a.algebra.regroup(a.axes(call["self"]), shape(call.node))
    axis = int(call["dim"]) % len(a.axes(call["self"]))
    a.rewrite(call, "sizes", out[axis : axis + len(call["sizes"])])
    return out


def permute(a: Analysis, call: Call) -> list[Dim]:
    """``permute(x, dims)``."""
    x = a.axes(call["self"])
    return [x[axis] for axis in call["dims"]]


def transpose(a: Analysis, call: Call) -> list[Dim]:
    """``transpose(x, dim0, dim1)``."""
    x = a.axes(call["self"])
    one, two = call.first("dim0", "axis0"), call.first("dim1", "axis1")
    x[one], x[two] = x[two], x[one]
    return x


def reverse(a: Analysis, call: Call) -> list[Dim]:
    """``t``, ``mT``: the last two axes, backwards."""
    x = a.axes(call["self"])
    return x[:-2] + x[-2:][::-1]


def reverse_all(a: Analysis, call: Call) -> list[Dim]:
    """``numpy_T``: all axes backwards."""
    return a.axes(call["self"])[::-1]


def movedim(a: Analysis, call: Call) -> list[Dim]:
    """``movedim(x, source, destination)``."""
    x = a.axes(call["self"])
    source, destination = call["source"], call["destination"]
    pairs = [(source, destination)] if isinstance(source, int) else zip(source, destination, strict=True)
    placed = {to % len(x): at % len(x) for at, to in pairs}
    rest = iter([axis for axis in range(len(x)) if axis not in placed.values()])
    return [x[placed[axis] if axis in placed else next(rest)] for axis in range(len(x))]


def squeeze(a: Analysis, call: Call) -> list[Dim]:
    """``squeeze``: axes of one index go; which ones becomes explicit, so that a cut to one index loses no axis."""
    x = a.axes(call["self"])
    dims = call.first("dim")
    wanted = range(len(x)) if dims is None else [d % len(x) for d in ([dims] if isinstance(dims, int) else dims)]
    gone = [axis for axis in wanted if x[axis].size == 1]
    if len(gone) != len(wanted):
        a.rewrite(call, "dim", gone, target=torch.ops.aten.squeeze.dims)
    return [dim for axis, dim in enumerate(x) if axis not in gone]


def unsqueeze(a: Analysis, call: Call) -> list[Dim]:
    """``unsqueeze(x, dim)``."""
    x = a.axes(call["self"])
    x.insert(int(call["dim"]) % (len(x) + 1), Dim(1))
    return x


def expand(a: Analysis, call: Call) -> list[Dim]:
    """``expand(x, size)``: a new free axis wherever one index becomes many."""
    x = a.axes(call["self"])
    sizes = shape(call.node)
    x = [Dim(1)] * (len(sizes) - len(x)) + x
    out = [dim if dim.size == size else a.algebra.leaf(size) for dim, size in zip(x, sizes, strict=True)]
    if "size" in call.values:
        a.rewrite(call, "size", out)
    else:
        for dim, other in zip(reversed(out), reversed(a.axes(call["other"])), strict=False):
            a.algebra.unify(dim, other)
    return out


def repeat(a: Analysis, call: Call) -> list[Dim]:
    """``repeat(x, times)``: each axis becomes ``times * axis``, the copies outside."""
    x = a.axes(call["self"])
    times = call.first("repeats", "dims")
    x = [Dim(1)] * (len(times) - len(x)) + x
    times = [1] * (len(x) - len(times)) + list(times)
    out, copies = [], []
    for dim, size in zip(x, shape(call.node), strict=True):
        if dim.size == size:
            out.append(dim)
            copies.append(KEEP)
            continue
        new = a.algebra.split(a.algebra.leaf(size), size // dim.size)[0] if dim.size != 1 else a.algebra.leaf(size)
        copies.append(new)
        out.append(a.algebra.product([new, dim]))
    a.rewrite(call, call.name("repeats", "dims"), copies[-len(call.first("repeats", "dims")) :])
    return out


def repeat_interleave(a: Analysis, call: Call) -> list[Dim]:
    """``repeat_interleave(x, times, dim)``: the axis becomes ``axis * times``, the copies inside."""
    x = a.axes(call["self"])
    axis = call["dim"]
    if axis is None:
        x, axis = [a.algebra.product(x)], 0
    if isinstance(call["repeats"], int) and call["repeats"] > 1:
        new = a.algebra.leaf(int(call["repeats"]))
        a.rewrite(call, "repeats", new)
        if call.first("output_size") is not None:
            a.rewrite(call, "output_size", a.algebra.product([x[axis], new]))
        x[axis] = a.algebra.product([x[axis], new])
    return x


def stack(a: Analysis, call: Call) -> list[Dim]:
    """``stack(tensors, dim)``: a new axis, one index per tensor."""
    tensors = [a.axes(node) for node in call["tensors"]]
    out = [a.algebra.unify(first, dim) for first, dim in zip(tensors[0], tensors[0], strict=True)]
    for other in tensors[1:]:
        for dim, more in zip(out, other, strict=True):
            a.algebra.unify(dim, more)
    out.insert(int(call["dim"]) % (len(out) + 1), a.fixed(len(tensors), "stacks tensors one by one"))
    return out


def mesh(a: Analysis, call: Call) -> list[list[Dim]]:
    """``meshgrid(vectors)``: one axis per vector; ``indexing="xy"`` swaps the first two."""
    out = [dim for vector in a.tensors(*call["tensors"]) for dim in vector or [Dim(1)]]
    if call.first("indexing") == "xy":
        out[:2] = out[1::-1]
    return [list(out) for _ in call["tensors"]]


RULES = (
    overloads("view reshape _unsafe_view view_copy", reshape)
    | overloads("flatten view_as reshape_as ravel", merge)
    | overloads("unflatten", unflatten)
    | overloads("permute", permute)
    | overloads("transpose transpose_ swapaxes swapdims", transpose)
    | overloads("t t_ mT mH adjoint matrix_H", reverse)
    | overloads("numpy_T", reverse_all)
    | overloads("movedim moveaxis", movedim)
    | overloads("squeeze squeeze_", squeeze)
    | overloads("unsqueeze unsqueeze_", unsqueeze)
    | overloads("expand expand_as broadcast_to", expand)
    | overloads("repeat tile", repeat)
    | overloads("repeat_interleave", repeat_interleave)
    | overloads("stack", stack)
    | overloads("meshgrid", mesh)
)
