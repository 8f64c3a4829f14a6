"""Operators that work on every number alone."""

from typing import Any

import numpy as np
import torch
from torch import fx

from paredown.targets.onnx.builder import Builder, Untranslatable
from paredown.targets.onnx.rules.reading import Rule, argument, fake, given

__all__ = ["RULES"]

_aten = torch.ops.aten

_UNARY: dict[object, str] = {
    _aten.relu.default: "Relu",
    _aten.relu_.default: "Relu",
    _aten.sigmoid.default: "Sigmoid",
    _aten.sigmoid_.default: "Sigmoid",
    _aten.tanh.default: "Tanh",
    _aten.exp.default: "Exp",
    _aten.log.default: "Log",
    _aten.sqrt.default: "Sqrt",
    _aten.abs.default: "Abs",
    _aten.neg.default: "Neg",
    _aten.hardswish.default: "HardSwish",
    _aten.hardswish_.default: "HardSwish",
}
_BINARY: dict[object, str] = {
    _aten.add.Tensor: "Add",
    _aten.add_.Tensor: "Add",
    _aten.sub.Tensor: "Sub",
    _aten.sub_.Tensor: "Sub",
    _aten.mul.Tensor: "Mul",
    _aten.mul_.Tensor: "Mul",
    _aten.div.Tensor: "Div",
    _aten.div_.Tensor: "Div",
}
_SAME = {
    _aten.dropout.default,
    _aten.dropout_.default,
    _aten.feature_dropout.default,
    _aten.clone.default,
    _aten.contiguous.default,
    _aten.detach.default,
    _aten.alias.default,
    _aten.detach_.default,
}


def _unary(builder: Builder, node: fx.Node) -> None:
    builder.emit(_UNARY[node.target], [builder.value(node.args[0])], node)


def _same(builder: Builder, node: fx.Node) -> None:
    builder.names[node] = builder.value(node.args[0])


def _operand(builder: Builder, thing: object, like: fx.Node) -> str:
    if isinstance(thing, bool | int | float):
        dtype = torch.empty((), dtype=fake(like).dtype).numpy().dtype
        return builder.constant(thing, dtype)
    return builder.value(thing)


def _binary(builder: Builder, node: fx.Node) -> None:
    kinds = {fake(thing).dtype for thing in node.args[:2] if isinstance(thing, fx.Node)} | {fake(node).dtype}
    if argument(node, 2, "alpha", 1) != 1 or len(kinds) != 1 or "rounding_mode" in node.kwargs:
        raise Untranslatable(str(node))
    builder.emit(_BINARY[node.target], [_operand(builder, thing, node) for thing in node.args[:2]], node)


def _clip(builder: Builder, node: fx.Node) -> None:
    low: Any
    high: Any
    if node.target in (_aten.relu6.default, _aten.relu6_.default):
        low, high = 0.0, 6.0
    elif node.target in (_aten.hardtanh.default, _aten.hardtanh_.default):
        low, high = argument(node, 1, "min_val", -1.0), argument(node, 2, "max_val", 1.0)
    elif node.target is _aten.clamp_min.default:
        low, high = node.args[1], None
    else:
        low, high = argument(node, 1, "min"), argument(node, 2, "max")
    if any(isinstance(end, fx.Node) for end in (low, high)) or fake(node).dtype != torch.float32:
        raise Untranslatable(str(node))
    ends = ["" if end is None else builder.constant(end, np.float32) for end in (low, high)]
    builder.emit("Clip", [builder.value(node.args[0]), *ends], node)


def _hardsigmoid(builder: Builder, node: fx.Node) -> None:
    builder.emit("HardSigmoid", [builder.value(node.args[0])], node, alpha=1.0 / 6.0, beta=0.5)


def _silu(builder: Builder, node: fx.Node) -> None:
    source = builder.value(node.args[0])
    builder.emit("Mul", [source, builder.emit("Sigmoid", [source], node, part=".gate")], node)


def _gelu(builder: Builder, node: fx.Node) -> None:
    builder.emit("Gelu", [builder.value(node.args[0])], node, approximate=argument(node, 1, "approximate", "none"))


def _leaky_relu(builder: Builder, node: fx.Node) -> None:
    slope = float(argument(node, 1, "negative_slope", 0.01))
    builder.emit("LeakyRelu", [builder.value(node.args[0])], node, alpha=slope)


def _elu(builder: Builder, node: fx.Node) -> None:
    if len(node.args) > 2:
        raise Untranslatable(str(node))
    builder.emit("Elu", [builder.value(node.args[0])], node, alpha=float(argument(node, 1, "alpha", 1.0)))


def _prelu(builder: Builder, node: fx.Node) -> None:
    source, weight = fake(given(node)), given(node, 1)
    slope = builder.value(weight)
    if fake(weight).numel() > 1 and source.ndim > 2:
        shape = builder.constant([-1, *[1] * (source.ndim - 2)])
        slope = builder.emit("Reshape", [slope, shape], node, part=".slope")
    builder.emit("PRelu", [builder.value(node.args[0]), slope], node)


RULES: dict[object, Rule] = {
    **dict.fromkeys(_UNARY, _unary),
    **dict.fromkeys(_BINARY, _binary),
    **dict.fromkeys(_SAME, _same),
    **dict.fromkeys(
        (
            _aten.relu6.default,
            _aten.relu6_.default,
            _aten.hardtanh.default,
            _aten.hardtanh_.default,
            _aten.clamp.default,
            _aten.clamp_.default,
            _aten.clamp_min.default,
        ),
        _clip,
    ),
    **dict.fromkeys((_aten.hardsigmoid.default, _aten.hardsigmoid_.default), _hardsigmoid),
    **dict.fromkeys((_aten.silu.default, _aten.silu_.default), _silu),
    **dict.fromkeys((_aten.leaky_relu.default, _aten.leaky_relu_.default), _leaky_relu),
    **dict.fromkeys((_aten.elu.default, _aten.elu_.default), _elu),
    _aten.gelu.default: _gelu,
    _aten.prelu.default: _prelu,
}
