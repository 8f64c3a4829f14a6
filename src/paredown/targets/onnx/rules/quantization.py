"""Rounding, as ONNX's pair of operators."""

from typing import Any

from torch import fx

from paredown.graph import fakequantize
from paredown.targets.onnx.builder import Builder
from paredown.targets.onnx.rules.reading import Rule

__all__ = ["RULES"]


def _fake_quantize(builder: Builder, node: fx.Node) -> None:
    grid = [builder.value(node.args[1]), builder.value(node.args[2])]
    axis: dict[str, Any] = {} if node.args[3] == -1 else {"axis": node.args[3]}
    stored = builder.emit("QuantizeLinear", [builder.value(node.args[0]), *grid], node, part=".stored", **axis)
    builder.emit("DequantizeLinear", [stored, *grid], node, **axis)


RULES: dict[object, Rule] = {fakequantize.fake_quantize._opoverload: _fake_quantize}
