"""Pooling, means over images, and its inverse."""

from typing import Any

import numpy as np
import torch
from torch import fx

from paredown.targets.onnx.builder import Builder, Untranslatable
from paredown.targets.onnx.rules.reading import Rule, argument, fake, given, numbers, static

__all__ = ["RULES"]

_aten = torch.ops.aten


def _max_pool(builder: Builder, node: fx.Node) -> None:
    rank = fake(given(node)).ndim - 2
    if rank < 1 or argument(node, 5, "ceil_mode", default=False):
        raise Untranslatable(str(node))
    kernel = numbers(node.args[1], rank)
    builder.emit(
        "MaxPool",
        [builder.value(node.args[0])],
        node,
        kernel_shape=kernel,
        strides=numbers(argument(node, 2, "stride") or kernel, rank),
        pads=numbers(argument(node, 3, "padding", 0), rank) * 2,
        dilations=numbers(argument(node, 4, "dilation", 1), rank),
    )


def _average_pool(builder: Builder, node: fx.Node) -> None:
    source = fake(given(node))
    rank = source.ndim - 2
    kernel = numbers(node.args[1], rank)
    padding = numbers(argument(node, 3, "padding", 0), rank)
    if rank < 1 or argument(node, 4, "ceil_mode", default=False) or argument(node, 6, "divisor_override") is not None:
        raise Untranslatable(str(node))
    value = builder.value(node.args[0])
    if kernel == list(source.shape[2:]) and not any(padding):
        builder.emit("GlobalAveragePool", [value], node)
        return
    builder.emit(
        "AveragePool",
        [value],
        node,
        kernel_shape=kernel,
        strides=numbers(argument(node, 2, "stride") or kernel, rank),
        pads=padding * 2,
        count_include_pad=int(argument(node, 5, "count_include_pad", default=True)),
    )


def _adaptive_average_pool(builder: Builder, node: fx.Node) -> None:
    source = fake(given(node))
    rank = len(node.args[1])  # type: ignore[arg-type]
    if source.ndim != rank + 2:
        raise Untranslatable(str(node))
    value = builder.value(node.args[0])
    target = numbers(node.args[1], rank)
    if all(size == 1 for size in target):
        builder.emit("GlobalAveragePool", [value], node)
        return
    sizes = [static(size) for size in source.shape[2:]]
    if any(size % out for size, out in zip(sizes, target, strict=True)):
        raise Untranslatable(str(node))
    kernel = [size // out for size, out in zip(sizes, target, strict=True)]
    builder.emit("AveragePool", [value], node, kernel_shape=kernel, strides=kernel)


def _mean(builder: Builder, node: fx.Node) -> None:
    rank = fake(given(node)).ndim
    axes = node.args[1]
    keep = bool(argument(node, 2, "keepdim", default=False))
    if not isinstance(axes, list | tuple) or not axes or node.kwargs.get("dtype") is not None:
        raise Untranslatable(str(node))
    whole = sorted(static(axis) % rank for axis in axes)
    value = builder.value(node.args[0])
    if rank >= 3 and whole == list(range(2, rank)):  # the kernels know this one, in 8 bits too
        pooled = builder.emit("GlobalAveragePool", [value], node, part="" if keep else ".pooled")
        if not keep:
            builder.emit("Squeeze", [pooled, builder.constant(whole)], node)
        return
    builder.emit("ReduceMean", [value, builder.constant(whole)], node, keepdims=int(keep))


def _upsample_nearest(builder: Builder, node: fx.Node) -> None:
    """Whole multiples only, where every convention of coordinates agrees."""
    source, result = fake(given(node)), fake(node)
    sizes = [(static(old), static(new)) for old, new in zip(source.shape[2:], result.shape[2:], strict=True)]
    if any(new % old for old, new in sizes):
        raise Untranslatable(str(node))
    factors = builder.constant([1.0, 1.0, *[new / old for old, new in sizes]], np.float32)
    attributes: dict[str, Any] = {
        "mode": "nearest",
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "floor",
    }
    builder.emit("Resize", [builder.value(node.args[0]), "", factors], node, **attributes)


def _upsample_linear(builder: Builder, node: fx.Node) -> None:
    """Between the nearest places; a factor that does not give a whole size would be used as it is by torch."""
    source, result = fake(given(node)), fake(node)
    sizes = [(static(old), static(new)) for old, new in zip(source.shape[2:], result.shape[2:], strict=True)]
    factors: Any = argument(node, 3, "scale_factors") or [new / old for old, new in sizes]
    if any(old * factor != new for (old, new), factor in zip(sizes, factors, strict=True)):
        raise Untranslatable(str(node))
    attributes: dict[str, Any] = {
        "mode": "linear",
        "coordinate_transformation_mode": "align_corners" if node.args[2] else "half_pixel",
    }
    shares = np.array([new / old for old, new in sizes], np.float32)
    if all(int(np.float32(old) * share) == new for (old, new), share in zip(sizes, shares, strict=True)):
        whole = builder.constant([1.0, 1.0, *shares], np.float32)
        builder.emit("Resize", [builder.value(node.args[0]), "", whole], node, **attributes)
        return
    # Sizes of some axes: the runtime loses them where it turns 8-bit kernels around, so they are the second choice.
    ends = builder.constant([new for _, new in sizes])
    axes = list(range(2, source.ndim))
    builder.emit("Resize", [builder.value(node.args[0]), "", "", ends], node, axes=axes, **attributes)


RULES: dict[object, Rule] = {
    **dict.fromkeys((_aten.max_pool1d.default, _aten.max_pool2d.default), _max_pool),
    **dict.fromkeys((_aten.adaptive_avg_pool1d.default, _aten.adaptive_avg_pool2d.default), _adaptive_average_pool),
    **dict.fromkeys((_aten.upsample_nearest2d.vec, _aten.upsample_nearest2d.default), _upsample_nearest),
    _aten.upsample_bilinear2d.vec: _upsample_linear,
    _aten.avg_pool2d.default: _average_pool,
    _aten.mean.dim: _mean,
}
