"""Operators that compute entry by entry, with broadcasting."""

from collections.abc import Sequence

from paredown.graph.axes.analysis import Analysis, Call
from paredown.graph.axes.dims import Dim
from paredown.graph.axes.rules.table import overloads

__all__ = ["RULES", "broadcast", "pointwise"]


def broadcast(a: Analysis, tensors: Sequence[Sequence[Dim]]) -> list[Dim]:
    """Unify axes from the right, as broadcasting does; the axes of the result."""
    rank = max(len(dims) for dims in tensors)
    out: list[Dim] = []
    for axis in range(-rank, 0):
        here = [dims[axis] for dims in tensors if len(dims) >= -axis]
        wide = [dim for dim in here if not (isinstance(dim.size, int) and dim.size == 1)]
        for dim in wide[1:]:
            a.algebra.unify(wide[0], dim)
        out.append(wide[0] if wide else here[0])
    return out


def pointwise(a: Analysis, call: Call) -> list[Dim]:
    """Every tensor argument takes part in broadcasting."""
    return broadcast(a, a.tensors(*call.values.values()))


def same(a: Analysis, call: Call) -> list[Dim]:
    """The result has the axes of the first argument, whatever the others are."""
    return a.axes(call.node.args[0])


def broadcast_all(a: Analysis, call: Call) -> list[list[Dim]]:
    """``broadcast_tensors``: all get the axes of the widest."""
    out = broadcast(a, a.tensors(*call["tensors"]))
    return [list(out) for _ in call["tensors"]]


def prelu(a: Analysis, call: Call) -> list[Dim]:
    """``prelu(x[N, C, ...], weight[C])``."""
    x, weight = a.axes(call["self"]), a.axes(call["weight"])
    if weight and weight[0].size != 1:
        a.algebra.unify(x[1] if len(x) > 1 else x[0], weight[0])
    return x


def triangle(a: Analysis, call: Call) -> list[Dim]:
    """``tril``, ``triu``: the last two axes are compared by position."""
    x = a.axes(call.node.args[0])
    for dim in x[-2:]:
        a.algebra.freeze(dim, "compares positions")
    return x


RULES = (
    overloads(
        "clone contiguous detach detach_ alias to _to_copy type_as lift lift_fresh lift_fresh_copy "
        "dropout dropout_ feature_dropout alpha_dropout feature_alpha_dropout native_dropout "
        "zeros_like ones_like full_like bucketize requires_grad_ "
        "zero_ fill_ log_sigmoid real imag",
        same,
    )
    | overloads(
        "masked_fill masked_fill_ copy_ hardswish hardswish_ floor_divide __and__ __or__ __xor__ "
        "where bitwise_left_shift bitwise_right_shift addcdiv isin fake_quantize_per_tensor_affine "
        "multiply multiply_ divide divide_ subtract subtract_ negative negative_ absolute arctan2 "
        "greater greater_equal less less_equal not_equal complex polar _weight_norm",
        pointwise,
    )
    | overloads("broadcast_tensors", broadcast_all)
    | overloads("prelu _prelu_kernel", prelu)
    | overloads("tril triu tril_ triu_", triangle)
)
