"""The rounding operators: a scale per channel has the channels' axis."""

from paredown.graph import dynamic, fakequantize, half
from paredown.graph.axes.analysis import Analysis, Call, Rule
from paredown.graph.axes.dims import Dim

__all__ = ["RULES"]


def fake_quantize(a: Analysis, call: Call) -> list[Dim]:
    """``fake_quantize(x, scale, zero_point, axis, ...)``: one scale, one per channel, or one per block of an axis."""
    x = a.axes(call["x"])
    axis = int(call["axis"]) % len(x) if x else 0
    for number in a.tensors(call["scale"], call["zero_point"]):
        if len(number) == 1 and number[0].size != 1:
            a.algebra.unify(x[axis], number[0])
        elif len(number) == len(x):
            for place, (dim, other) in enumerate(zip(x, number, strict=True)):
                if other.size == 1:
                    continue
                a.algebra.unify(a.algebra.split(dim, other.size)[0] if place == axis else dim, other)
    a.loose.add(call.node.name)  # a float's last bit may tip the rounding
    return x


def dynamic_quantize(a: Analysis, call: Call) -> list[Dim]:
    """``dynamic_quantize(x, ...)``: the range is that of all values, so a cut moves it a little."""
    a.loose.add(call.node.name)
    return a.axes(call["x"])


def round_float(a: Analysis, call: Call) -> list[Dim]:
    """``round_float(x, format)``: number by number."""
    a.loose.add(call.node.name)  # a float's last bit may tip the rounding
    return a.axes(call["x"])


RULES: dict[object, Rule] = {
    fakequantize.fake_quantize._opoverload: fake_quantize,
    dynamic.dynamic_quantize._opoverload: dynamic_quantize,
    half.round_float._opoverload: round_float,
}
