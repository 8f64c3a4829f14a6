"""Operators that make tensors from sizes and numbers."""

from paredown.graph.axes.analysis import Analysis, Call, shape
from paredown.graph.axes.dims import Dim
from paredown.graph.axes.rules.table import overloads

__all__ = ["RULES"]


def fill(a: Analysis, call: Call) -> list[Dim]:
    """``zeros``, ``full``, ``new_ones``: every index is like the others, so the sizes follow a cut."""
    out = [a.algebra.leaf(size) for size in shape(call.node)]
    a.rewrite(call, "size", out)
    return out


def draw(a: Analysis, call: Call) -> list[Dim]:
    """``rand``, ``empty``: as `fill`, but two runs give two results."""
    a.loose.add(call.node.name)
    return fill(a, call)


def draw_like(a: Analysis, call: Call) -> list[Dim]:
    """``rand_like``, ``bernoulli``: the axes of the argument, another result in each run."""
    a.loose.add(call.node.name)
    return a.axes(call.node.args[0])


def count(a: Analysis, call: Call) -> list[Dim]:
    """``arange``, ``eye``: values depend on places."""
    return [a.fixed(size, "counts along it") for size in shape(call.node)]


def scalar(a: Analysis, call: Call) -> list[Dim]:  # noqa: ARG001
    """``scalar_tensor``, ``tensor``: no axes."""
    return []


RULES = (
    overloads("zeros ones full new_zeros new_ones new_full", fill)
    | overloads("empty rand randn new_empty", draw)
    | overloads("rand_like randn_like empty_like bernoulli", draw_like)
    | overloads("arange linspace logspace eye hann_window hamming_window", count)
    | overloads("scalar_tensor", scalar)
)
