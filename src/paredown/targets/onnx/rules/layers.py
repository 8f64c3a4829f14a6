"""Convolutions, matrix products, tables."""

import torch
from torch import fx

from paredown.targets.onnx.builder import Builder, Untranslatable
from paredown.targets.onnx.rules.reading import Rule, argument, fake, given, numbers, static

__all__ = ["RULES"]

_aten = torch.ops.aten


def _weighted(builder: Builder, node: fx.Node) -> list[str]:
    """Names of the source, the weight, and the bias where there is one."""
    bias = argument(node, 2, "bias")
    return [builder.value(thing) for thing in (*node.args[:2], *([] if bias is None else [bias]))]


def _window(node: fx.Node) -> tuple[int, list[int]]:
    """How many spatial dimensions there are, and the kernel's size in each."""
    weight = fake(given(node, 1))
    if fake(given(node)).ndim != weight.ndim:  # without a batch dimension
        raise Untranslatable(str(node))
    return weight.ndim - 2, [static(size) for size in weight.shape[2:]]


def _convolution(builder: Builder, node: fx.Node) -> None:
    rank, kernel = _window(node)
    builder.emit(
        "Conv",
        _weighted(builder, node),
        node,
        kernel_shape=kernel,
        strides=numbers(argument(node, 3, "stride", 1), rank),
        pads=numbers(argument(node, 4, "padding", 0), rank) * 2,
        dilations=numbers(argument(node, 5, "dilation", 1), rank),
        group=static(argument(node, 6, "groups", 1)),
    )


def _convolution_transposed(builder: Builder, node: fx.Node) -> None:
    rank, kernel = _window(node)
    builder.emit(
        "ConvTranspose",
        _weighted(builder, node),
        node,
        kernel_shape=kernel,
        strides=numbers(argument(node, 3, "stride", 1), rank),
        pads=numbers(argument(node, 4, "padding", 0), rank) * 2,
        output_padding=numbers(argument(node, 5, "output_padding", 0), rank),
        group=static(argument(node, 6, "groups", 1)),
        dilations=numbers(argument(node, 7, "dilation", 1), rank),
    )


def _linear(builder: Builder, node: fx.Node) -> None:
    source, weight, *bias = _weighted(builder, node)
    rank = fake(given(node)).ndim
    if rank == 2:
        builder.emit("Gemm", [source, weight, *bias], node, transB=1)
        return
    if rank < 2:
        raise Untranslatable(str(node))
    turned = builder.emit("Transpose", [weight], node, part=".weight", perm=[1, 0])
    if not bias:
        builder.emit("MatMul", [source, turned], node)
        return
    product = builder.emit("MatMul", [source, turned], node, part=".product")
    builder.emit("Add", [product, *bias], node)


def _matmul(builder: Builder, node: fx.Node) -> None:
    builder.emit("MatMul", [builder.value(node.args[0]), builder.value(node.args[1])], node)


def _embedding(builder: Builder, node: fx.Node) -> None:
    builder.emit("Gather", [builder.value(node.args[0]), builder.value(node.args[1])], node, axis=0)


RULES: dict[object, Rule] = {
    **dict.fromkeys((_aten.conv1d.default, _aten.conv2d.default, _aten.conv3d.default), _convolution),
    **dict.fromkeys((_aten.conv_transpose1d.default, _aten.conv_transpose2d.input), _convolution_transposed),
    **dict.fromkeys((_aten.matmul.default, _aten.bmm.default, _aten.mm.default), _matmul),
    _aten.linear.default: _linear,
    _aten.embedding.default: _embedding,
}
