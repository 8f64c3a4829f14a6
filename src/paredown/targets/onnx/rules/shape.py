"""Other shapes, the same numbers."""

from typing import Any

import torch
from torch import fx

from paredown.targets.onnx.builder import Builder, Untranslatable
from paredown.targets.onnx.rules.reading import Rule, fake, given, numbers, static

__all__ = ["RULES"]

_aten = torch.ops.aten


def _reshape(builder: Builder, node: fx.Node) -> None:
    source, result = fake(given(node)), fake(node)
    sizes: list[int] = []
    shape: tuple[Any, ...] = tuple(result.shape)
    for axis, size in enumerate(shape):
        if isinstance(size, int):
            sizes.append(size)
        elif axis < source.ndim and str(source.shape[axis]) == str(size):
            sizes.append(0)
        else:
            sizes.append(-1)
    if sizes.count(-1) > 1 or any(
        size == 0 and isinstance(known, int) for size, known in zip(sizes, result.shape, strict=True)
    ):
        raise Untranslatable(str(node))
    if sizes.count(0) == 1 and -1 not in sizes:
        sizes[sizes.index(0)] = -1
    builder.emit("Reshape", [builder.value(node.args[0]), builder.constant(sizes)], node)


def _permute(builder: Builder, node: fx.Node) -> None:
    rank = fake(given(node)).ndim
    if node.target is _aten.permute.default:
        order = [static(axis) % rank for axis in node.args[1]]  # type: ignore[union-attr]
    else:
        order = list(range(rank))
        first, second = (0, 1) if node.target is _aten.t.default else (static(a) % rank for a in node.args[1:3])
        if rank > 1:
            order[first], order[second] = order[second], order[first]
    builder.emit("Transpose", [builder.value(node.args[0])], node, perm=order)


def _squeeze(builder: Builder, node: fx.Node) -> None:
    name = "Unsqueeze" if node.target is _aten.unsqueeze.default else "Squeeze"
    if len(node.args) < 2:
        raise Untranslatable(str(node))
    axes = numbers(node.args[1], 1)
    source = fake(given(node))
    if name == "Squeeze" and any(source.shape[axis] != 1 for axis in axes):
        raise Untranslatable(str(node))
    builder.emit(name, [builder.value(node.args[0]), builder.constant(axes)], node)


RULES: dict[object, Rule] = {
    **dict.fromkeys(
        (
            _aten.view.default,
            _aten.reshape.default,
            _aten.reshape_as.default,
            _aten.flatten.using_ints,
            _aten.unflatten.int,
        ),
        _reshape,
    ),
    **dict.fromkeys((_aten.permute.default, _aten.transpose.int, _aten.t.default), _permute),
    **dict.fromkeys((_aten.squeeze.dim, _aten.squeeze.dims, _aten.unsqueeze.default), _squeeze),
}
