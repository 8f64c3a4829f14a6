"""Values that are looked up, repeated or reduced, and powers."""

import math
from typing import Any

import numpy as np
import onnx
import torch
from torch import fx

from paredown.targets.onnx.builder import Builder, Untranslatable
from paredown.targets.onnx.rules.reading import Rule, argument, fake, given, numbers, static

__all__ = ["RULES"]

_aten = torch.ops.aten


def _expand(builder: Builder, node: fx.Node) -> None:
    """Repeat along axes of one index; where sizes agree, 1 keeps them."""
    source, result = fake(given(node)), fake(node)
    missing = result.ndim - source.ndim
    kept = [
        axis >= missing and str(source.shape[axis - missing]) == str(size) for axis, size in enumerate(result.shape)
    ]
    if all(kept):
        builder.names[node] = builder.value(node.args[0])
        return
    sizes: list[Any] = [1 if keep else size for keep, size in zip(kept, result.shape, strict=True)]
    builder.emit("Expand", [builder.value(node.args[0]), _sizes(builder, node, sizes)], node)


def _sizes(builder: Builder, node: fx.Node, sizes: list[Any]) -> str:
    """Sizes as one vector; what varies is read off the input that has it."""
    if all(isinstance(size, int) for size in sizes):
        return builder.constant(sizes)
    parts = [builder.constant([size]) if isinstance(size, int) else _length(builder, node, size) for size in sizes]
    return builder.emit("Concat", parts, node, part=".sizes", axis=0)


def _length(builder: Builder, node: fx.Node, size: torch.SymInt) -> str:
    for source in builder.names:
        value = source.meta.get("val") if source.op == "placeholder" else None
        for axis, length in enumerate(value.shape if isinstance(value, torch.Tensor) else ()):
            if str(length) == str(size):
                return builder.emit("Shape", [builder.value(source)], node, part=".size", start=axis, end=axis + 1)
    raise Untranslatable(str(node))


def _index(builder: Builder, node: fx.Node) -> None:
    """One tensor of places along one axis."""
    indices: Any = node.args[1]
    places = [axis for axis, index in enumerate(indices) if index is not None]
    if len(places) != 1 or fake(indices[places[0]]).dtype != torch.int64:
        raise Untranslatable(str(node))
    inputs = [builder.value(node.args[0]), builder.value(indices[places[0]])]
    builder.emit("Gather", inputs, node, axis=places[0])


def _power(builder: Builder, node: fx.Node) -> None:
    exponent: Any = node.args[1]
    source = builder.value(node.args[0])
    if fake(node).dtype != torch.float32 or isinstance(exponent, fx.Node):
        raise Untranslatable(str(node))
    if exponent == 2:
        builder.emit("Mul", [source, source], node)
    else:
        builder.emit("Pow", [source, builder.constant(exponent, np.float32)], node)


def _inverse_root(builder: Builder, node: fx.Node) -> None:
    root = builder.emit("Sqrt", [builder.value(node.args[0])], node, part=".root")
    builder.emit("Reciprocal", [root], node)


def _sum(builder: Builder, node: fx.Node) -> None:
    axes, keep = argument(node, 1, "dim"), bool(argument(node, 2, "keepdim", default=False))
    if not axes or fake(node).dtype != fake(given(node)).dtype:
        raise Untranslatable(str(node))
    inputs = [builder.value(node.args[0]), builder.constant(numbers(axes, 1))]
    builder.emit("ReduceSum", inputs, node, keepdims=int(keep))


def _norm(builder: Builder, node: fx.Node) -> None:
    order, axes = argument(node, 1, "ord", 2), argument(node, 2, "dim")
    if order not in {1, 2} or not axes or "dtype" in node.kwargs:
        raise Untranslatable(str(node))
    keep = int(bool(argument(node, 3, "keepdim", default=False)))
    inputs = [builder.value(node.args[0]), builder.constant(numbers(axes, 1))]
    builder.emit(f"ReduceL{int(order)}", inputs, node, keepdims=keep)


def _cast(builder: Builder, node: fx.Node) -> None:
    kind = onnx.helper.np_dtype_to_tensor_dtype(torch.empty((), dtype=fake(node).dtype).numpy().dtype)
    builder.emit("Cast", [builder.value(node.args[0])], node, to=int(kind))


def _stack(builder: Builder, node: fx.Node) -> None:
    parts: Any = node.args[0]
    axis = static(argument(node, 1, "dim", 0)) % fake(node).ndim
    if len({fake(part).dtype for part in parts}) != 1:
        raise Untranslatable(str(node))
    at = builder.constant([axis])
    lifted = [
        builder.emit("Unsqueeze", [builder.value(part), at], node, part=f".{number}")
        for number, part in enumerate(parts)
    ]
    builder.emit("Concat", lifted, node, axis=axis)


def _added_product(builder: Builder, node: fx.Node) -> None:
    if not math.isclose(node.kwargs.get("alpha", 1), 1) or not math.isclose(node.kwargs.get("beta", 1), 1):  # type: ignore[arg-type]
        raise Untranslatable(str(node))
    bias, left, right = (builder.value(source) for source in node.args[:3])
    builder.emit("Add", [builder.emit("MatMul", [left, right], node, part=".product"), bias], node)


def _einsum(builder: Builder, node: fx.Node) -> None:
    operands: Any = node.args[1]
    equation = str(node.args[0]).replace(" ", "")
    builder.emit("Einsum", [builder.value(operand) for operand in operands], node, equation=equation)


RULES: dict[object, Rule] = {
    **dict.fromkeys((_aten.expand.default, _aten.expand_as.default), _expand),
    _aten.to.dtype: _cast,
    _aten.index.Tensor: _index,
    _aten.pow.Tensor_Scalar: _power,
    _aten.rsqrt.default: _inverse_root,
    _aten.sum.dim_IntList: _sum,
    _aten.linalg_vector_norm.default: _norm,
    _aten.stack.default: _stack,
    _aten.addmm.default: _added_product,
    _aten.einsum.default: _einsum,
}
