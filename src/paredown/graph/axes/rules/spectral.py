"""Fourier transforms: each value depends on all others of the transformed axes; the other axes pass."""

from paredown.graph.axes.analysis import Analysis, Call, Rule, shape
from paredown.graph.axes.dims import Dim
from paredown.graph.axes.rules.table import overloads

__all__ = ["RULES"]


def over(default: int | None) -> Rule:
    """The rule of a transform over ``dim``, which is by default the last axes, as many as given, or all (None)."""

    def rule(a: Analysis, call: Call) -> list[Dim]:
        x = a.axes(call["self"])
        dims = call["dim"]
        given = range(-(default or len(x)), 0) if dims is None else [dims] if isinstance(dims, int) else dims
        named = [axis % len(x) for axis in given]
        sizes = shape(call.node)
        for axis in named:
            a.algebra.freeze(x[axis], "transforms it")
            x[axis] = a.fixed(sizes[axis], "transforms it")
        return x

    return rule


def as_real(a: Analysis, call: Call) -> list[Dim]:
    """``view_as_real``: a new last axis of two."""
    return [*a.axes(call["self"]), a.fixed(2, "is real and imaginary part")]


def as_complex(a: Analysis, call: Call) -> list[Dim]:
    """``view_as_complex``: the last axis of two ends."""
    x = a.axes(call["self"])
    a.algebra.freeze(x[-1], "is real and imaginary part")
    return x[:-1]


RULES = (
    overloads("fft_fft fft_ifft fft_rfft fft_irfft fft_hfft fft_ihfft", over(1))
    | overloads("fft_fft2 fft_ifft2 fft_rfft2 fft_irfft2 fft_hfft2 fft_ihfft2", over(2))
    | overloads("fft_fftn fft_ifftn fft_rfftn fft_irfftn", over(None))
    | overloads("view_as_real", as_real)
    | overloads("view_as_complex", as_complex)
)
