"""Convolutions and linear layers as products with patches of their input."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import fx

__all__ = ["CONVOLUTIONS", "LAYERS", "LINEAR", "groups_of", "patches"]

_aten = torch.ops.aten

CONVOLUTIONS = frozenset(
    {
        *(_aten.conv1d.default, _aten.conv1d.padding),
        *(_aten.conv2d.default, _aten.conv2d.padding),
        *(_aten.conv3d.default, _aten.conv3d.padding),
    }
)
LINEAR = _aten.linear.default
LAYERS = CONVOLUTIONS | {LINEAR}


def groups_of(node: fx.Node) -> int:
    """Groups of a convolution; 1 for a linear layer."""
    if node.target is LINEAR:
        return 1
    return int(node.args[6]) if len(node.args) > 6 else 1  # type: ignore[arg-type]


def patches(node: fx.Node, shape: Sequence[int], values: torch.Tensor) -> torch.Tensor:
    """What each output of a layer is a linear function of: ``[positions, groups, inputs]``.

    ``einsum("pgi,gri->pgr", patches, weight.reshape(groups, rows, inputs))`` is what the layer computes, bias apart.

    Args:
        node: one of `LAYERS`, reading its weight as second argument.
        shape: of the weight.
        values: what the layer is given, with a batch dimension.

    """
    if node.target is LINEAR:
        return values.reshape(-1, 1, values.shape[-1])
    kernel = shape[2:]
    stride, dilation = _sizes(node, 3, len(kernel)), _sizes(node, 5, len(kernel))
    values = F.pad(values, _margins(node, kernel, dilation))
    for axis, size in enumerate(kernel):
        values = values.unfold(2 + axis, (size - 1) * dilation[axis] + 1, stride[axis])[..., :: dilation[axis]]
    values = values.movedim(1, len(kernel) + 1)  # [batch, places ..., channels, kernel ...]
    return values.reshape(-1, groups_of(node), math.prod(shape[1:]))


def _margins(node: fx.Node, kernel: Sequence[int], dilation: Sequence[int]) -> list[int]:
    """Zeros before and after every axis, the last axis first, as `torch.nn.functional.pad` takes them."""
    given = node.args[4] if len(node.args) > 4 else 0
    if isinstance(given, str):
        totals = [(size - 1) * gap if given == "same" else 0 for size, gap in zip(kernel, dilation, strict=True)]
        pairs = [(total // 2, total - total // 2) for total in totals]
    else:
        pairs = [(amount, amount) for amount in _sizes(node, 4, len(kernel))]
    return [amount for pair in reversed(pairs) for amount in pair]


def _sizes(node: fx.Node, place: int, count: int) -> list[int]:
    """Stride (argument 3), padding (4) or dilation (5) of a convolution, one number per axis."""
    given = node.args[place] if len(node.args) > place else [0 if place == 4 else 1]
    numbers = [int(size) for size in given]  # type: ignore[union-attr, arg-type]
    return numbers * count if len(numbers) == 1 else numbers
