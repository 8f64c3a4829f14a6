"""Parts of tensors: cut out, padded, joined, split."""

import operator

import numpy as np
import torch
from torch import fx

from paredown.targets.onnx.builder import Builder, Untranslatable
from paredown.targets.onnx.rules.reading import Rule, argument, fake, given, static

__all__ = ["RULES"]

_aten = torch.ops.aten
_END = (1 << 63) - 1


def _slice(builder: Builder, node: fx.Node) -> None:
    axis, step = argument(node, 1, "dim", 0), argument(node, 4, "step", 1)
    start, end = argument(node, 2, "start") or 0, argument(node, 3, "end")
    end = _END if end is None else end
    if start == 0 and step == 1 and isinstance(end, int) and end >= _END // 2:  # all of it
        builder.names[node] = builder.value(node.args[0])
        return
    ends = [builder.constant([static(number)]) for number in (start, end, axis, step)]
    builder.emit("Slice", [builder.value(node.args[0]), *ends], node)


def _select(builder: Builder, node: fx.Node) -> None:
    index = builder.constant(static(node.args[2]))
    builder.emit("Gather", [builder.value(node.args[0]), index], node, axis=node.args[1])


def _pad(builder: Builder, node: fx.Node) -> None:
    rank = fake(given(node)).ndim
    amounts = [static(amount) for amount in node.args[1]]  # type: ignore[union-attr]
    mode, value = "constant", 0.0
    if node.target is _aten.pad.default:
        mode, value = argument(node, 2, "mode", "constant"), argument(node, 3, "value") or 0.0
    elif len(node.args) > 2:
        value = node.args[2]  # type: ignore[assignment]
    if mode != "constant" or fake(node).dtype != torch.float32:
        raise Untranslatable(str(node))
    before, after = [0] * rank, [0] * rank
    for position in range(len(amounts) // 2):
        before[rank - 1 - position], after[rank - 1 - position] = amounts[2 * position : 2 * position + 2]
    inputs = [builder.value(node.args[0]), builder.constant(before + after), builder.constant(value, np.float32)]
    builder.emit("Pad", inputs, node, mode="constant")


def _concatenate(builder: Builder, node: fx.Node) -> None:
    parts = node.args[0]
    if not isinstance(parts, list | tuple) or len({fake(part).dtype for part in parts}) != 1:
        raise Untranslatable(str(node))
    builder.emit("Concat", [builder.value(part) for part in parts], node, axis=argument(node, 1, "dim", 0))


def _split(builder: Builder, node: fx.Node) -> None:
    parts = node.meta.get("val")
    axis = argument(node, 2, "dim", 0)
    if not isinstance(parts, list | tuple):
        raise Untranslatable(str(node))
    sizes = [static(part.shape[axis]) for part in parts]
    if len(sizes) == 1:
        builder.names[node] = [builder.value(node.args[0])]
        return
    builder.emit("Split", [builder.value(node.args[0]), builder.constant(sizes)], node, outputs=len(sizes), axis=axis)


def _unbind(builder: Builder, node: fx.Node) -> None:
    parts = node.meta.get("val")
    axis = static(argument(node, 1, "dim", 0))
    if not isinstance(parts, list | tuple):
        raise Untranslatable(str(node))
    source = builder.value(node.args[0])
    names = []
    for index in range(len(parts)):
        position = builder.constant(index)
        names.append(builder.emit("Gather", [source, position], node, part=f".{index}", axis=axis))
    builder.names[node] = names


def _item(builder: Builder, node: fx.Node) -> None:
    names = builder.names.get(given(node))
    if not isinstance(names, list):
        raise Untranslatable(str(node))
    builder.names[node] = names[static(node.args[1])]


RULES: dict[object, Rule] = {
    **dict.fromkeys((_aten.pad.default, _aten.constant_pad_nd.default), _pad),
    **dict.fromkeys((_aten.chunk.default, _aten.split.Tensor, _aten.split_with_sizes.default), _split),
    _aten.slice.Tensor: _slice,
    _aten.select.int: _select,
    _aten.cat.default: _concatenate,
    _aten.unbind.int: _unbind,
    operator.getitem: _item,
}
