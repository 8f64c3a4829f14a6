"""Our rounding operators written out in stock ones, so that a stored network loads with torch alone."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import fx

from paredown.graph import dynamic, fakequantize

if TYPE_CHECKING:
    from torch._subclasses.fake_tensor import FakeTensorMode

__all__ = ["STOCK"]

_aten = torch.ops.aten


class _Writer:
    """Adds nodes with values to a graph."""

    def __init__(self, graph: fx.Graph, fake: torch.Tensor) -> None:
        self._graph = graph
        self._mode: FakeTensorMode = fake.fake_mode  # type: ignore[attr-defined]

    def __call__(self, target: Any, *args: Any) -> fx.Node:
        made = self._graph.call_function(target, args)
        values = fx.map_arg(args, lambda argument: argument.meta["val"])
        with self._mode, torch.no_grad():
            made.meta["val"] = target(*values)
        return made

    def rounded(self, x: fx.Node, step: fx.Node, offset: fx.Node, ends: tuple[int, int]) -> fx.Node:
        """``(clamp(round(x / s) + z) - z) * s`` in the type of x."""
        ratio = self(_aten.div.Tensor, self(_aten.to.dtype, x, torch.float32), step)
        moved = self(_aten.add.Tensor, self(_aten.round.default, ratio), offset)
        back = self(_aten.sub.Tensor, self(_aten.clamp.default, moved, *ends), offset)
        return self(_aten.to.dtype, self(_aten.mul.Tensor, back, step), x.meta["val"].dtype)


def _fake_quantize(graph: fx.Graph, node: fx.Node, copied: Mapping[fx.Node, Any]) -> fx.Node:
    """With scale and zero point as the operator itself uses them."""
    given: tuple[Any, ...] = tuple(node.args)
    (x, scale, zero), (axis, low, high) = [copied[argument] for argument in given[:3]], given[3:]
    fake = node.meta["val"]
    call = _Writer(graph, fake)

    def spread(number: fx.Node) -> fx.Node:
        value = number.meta["val"]
        if value.numel() == 1:
            return call(_aten.reshape.default, number, [])
        if value.ndim == 1:
            return call(_aten.reshape.default, number, [-1 if d == axis % fake.ndim else 1 for d in range(fake.ndim)])
        size, blocks = fake.shape[axis], value.shape[axis]
        block = (size + blocks - 1) // blocks
        repeated = call(_aten.repeat_interleave.self_int, number, block, axis)
        return call(_aten.slice.Tensor, repeated, axis % fake.ndim, 0, size)

    tiny = torch.finfo(torch.float32).tiny
    step = spread(
        call(_aten.clamp_min.default, call(_aten.abs.default, call(_aten.to.dtype, scale, torch.float32)), tiny)
    )
    whole = call(_aten.round.default, call(_aten.to.dtype, zero, torch.float32))
    return call.rounded(x, step, spread(call(_aten.clamp.default, whole, low, high)), (low, high))


def _dynamic_quantize(graph: fx.Graph, node: fx.Node, copied: Mapping[fx.Node, Any]) -> fx.Node:
    """With the range of the values, and a step of 1 where all of them are 0."""
    given: tuple[Any, ...] = tuple(node.args)
    x, (low, high) = copied[given[0]], given[1:]
    call = _Writer(graph, node.meta["val"])
    values = call(_aten.to.dtype, x, torch.float32)
    least = call(_aten.clamp_max.default, call(_aten.amin.default, values), 0.0)
    most = call(_aten.clamp_min.default, call(_aten.amax.default, values), 0.0)
    step = call(_aten.div.Tensor, call(_aten.sub.Tensor, most, least), float(high - low))
    step = call(_aten.add.Tensor, step, call(_aten.eq.Scalar, step, 0.0))
    zero = call(_aten.round.default, call(_aten.rsub.Scalar, call(_aten.div.Tensor, least, step), float(low)))
    return call.rounded(x, step, call(_aten.clamp.default, zero, low, high), (low, high))


STOCK: Mapping[object, Callable[[fx.Graph, fx.Node, Mapping[fx.Node, Any]], fx.Node]] = MappingProxyType(
    {fakequantize.fake_quantize._opoverload: _fake_quantize, dynamic.dynamic_quantize._opoverload: _dynamic_quantize}
)
"""Operator to what writes a node of it into another graph."""
