"""Operators over a grid: pooling, resizing, pixel shuffling, sampling."""

from typing import Any

from paredown.graph.axes.analysis import Analysis, Call, shape
from paredown.graph.axes.dims import Dim, Misfit, size_of
from paredown.graph.axes.rules.table import overloads

__all__ = ["RULES"]


def _grid(a: Analysis, call: Call, spatial: int) -> Any:
    x = a.axes(call.first("self", "input"))
    for dim in x[-spatial:]:
        a.algebra.freeze(dim, "slides over it")
    results = call.node.meta["val"]
    several = isinstance(results, (tuple, list))
    out = [
        [*x[:-spatial], *(a.fixed(size_of(length), "slides over it") for length in value.shape[-spatial:])]
        for value in (results if several else [results])
    ]
    return out if several else out[0]


def over(spatial: int) -> Any:
    """The rule of an operator that works on the last axes, channel by channel."""

    def rule(a: Analysis, call: Call) -> Any:
        return _grid(a, call, spatial)

    return rule


def pixel_shuffle(a: Analysis, call: Call) -> list[Dim]:
    """``[..., c * r * r, h, w] -> [..., c, h * r, w * r]``."""
    x = a.axes(call["self"])
    factor = int(call["upscale_factor"])
    channels, fine = a.algebra.split(x[-3], x[-3].size // factor**2)
    for dim in (fine, *x[-2:]):
        a.algebra.freeze(dim, "spreads it over the grid")
    return [*x[:-3], channels, *(a.fixed(size, "spreads over it") for size in shape(call.node)[-2:])]


def pixel_unshuffle(a: Analysis, call: Call) -> list[Dim]:
    """``[..., c, h * r, w * r] -> [..., c * r * r, h, w]``."""
    x = a.axes(call["self"])
    for dim in x[-2:]:
        a.algebra.freeze(dim, "gathers it from the grid")
    fine = a.fixed(int(call["downscale_factor"]) ** 2, "gathers it from the grid")
    grid = [a.fixed(size, "gathers from it") for size in shape(call.node)[-2:]]
    return [*x[:-3], a.algebra.product([x[-3], fine]), *grid]


def channel_shuffle(a: Analysis, call: Call) -> list[Dim]:
    """``groups * each -> each * groups``."""
    x = a.axes(call["self"])
    groups, each = a.algebra.split(x[1], call.whole("groups"))
    a.rewrite(call, "groups", groups)
    x[1] = a.algebra.product([each, groups])
    return x


def slide(a: Analysis, call: Call) -> list[Dim]:
    """``x.unfold(dimension, size, step)``: the axis becomes places, and the window a new last axis."""
    x = a.axes(call["self"])
    axis = int(call["dimension"]) % len(x)
    a.algebra.freeze(x[axis], "slides over it")
    places = a.fixed(shape(call.node)[axis], "slides over it")
    return [*x[:axis], places, *x[axis + 1 :], a.fixed(int(call["size"]), "is its window")]


def unfold(a: Analysis, call: Call) -> list[Dim]:
    """``im2col``: ``[N, c, h, w] -> [N, c * kh * kw, places]``."""
    x = a.axes(call["self"])
    for dim in x[-2:]:
        a.algebra.freeze(dim, "slides over it")
    window = a.fixed(call["kernel_size"][0] * call["kernel_size"][1], "is its window")
    return [*x[:-3], a.algebra.product([x[-3], window]), a.fixed(shape(call.node)[-1], "slides over it")]


def fold(a: Analysis, call: Call) -> list[Dim]:
    """``col2im``: ``[N, c * kh * kw, places] -> [N, c, h, w]``."""
    x = a.axes(call["self"])
    window = call["kernel_size"][0] * call["kernel_size"][1]
    channels, inside = a.algebra.split(x[-2], x[-2].size // window)
    for dim in (inside, x[-1]):
        a.algebra.freeze(dim, "slides over it")
    return [*x[:-2], channels, *(a.fixed(size, "slides over it") for size in shape(call.node)[-2:])]


def sample(a: Analysis, call: Call) -> list[Dim]:
    """``grid_sample(x[N, c, ...], grid[N, ..., d])``."""
    x, grid = a.axes(call["input"]), a.axes(call["grid"])
    for dim in (*x[2:], *grid[1:]):
        a.algebra.freeze(dim, "samples along it")
    if x[0].size != grid[0].size:
        msg = "grids of another batch"
        raise Misfit(msg)
    a.algebra.unify(x[0], grid[0])
    return [*x[:2], *grid[1:-1]]


_ONE = "max_pool1d avg_pool1d adaptive_avg_pool1d adaptive_max_pool1d max_pool1d_with_indices upsample_nearest1d upsample_linear1d _upsample_nearest_exact1d"
_TWO = (
    "max_pool2d avg_pool2d adaptive_avg_pool2d adaptive_max_pool2d max_pool2d_with_indices fractional_max_pool2d "
    "upsample_nearest2d upsample_bilinear2d upsample_bicubic2d _upsample_nearest_exact2d _upsample_bilinear2d_aa "
    "_upsample_bicubic2d_aa _adaptive_avg_pool2d"
)
_THREE = "max_pool3d avg_pool3d adaptive_avg_pool3d adaptive_max_pool3d max_pool3d_with_indices upsample_nearest3d upsample_trilinear3d _upsample_nearest_exact3d"

RULES = (
    overloads(_ONE, over(1))
    | overloads(_TWO, over(2))
    | overloads(_THREE, over(3))
    | overloads("pixel_shuffle", pixel_shuffle)
    | overloads("pixel_unshuffle", pixel_unshuffle)
    | overloads("channel_shuffle native_channel_shuffle", channel_shuffle)
    | overloads("unfold", slide)
    | overloads("im2col", unfold)
    | overloads("col2im", fold)
    | overloads("grid_sampler grid_sampler_2d grid_sampler_3d", sample)
)
