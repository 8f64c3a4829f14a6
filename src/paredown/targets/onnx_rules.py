"""One rule per ATen operator: how ONNX says it.

These cover what convolutional networks, perceptrons and their heads are made of, in milliseconds where torch's own
exporter takes seconds. A rule that meets a case it is not sure of raises `Untranslatable`, and the whole network goes
through torch's exporter.
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import fx

from paredown.targets.onnx_builder import Builder, Untranslatable

__all__ = ["RULES", "Rule"]

_aten = torch.ops.aten
Rule = Callable[[Builder, fx.Node], None]

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


def _argument(node: fx.Node, position: int, name: str, default: Any = None) -> Any:
    if len(node.args) > position:
        return node.args[position]
    return node.kwargs.get(name, default)


def _fake(node: object) -> torch.Tensor:
    value = node.meta.get("val") if isinstance(node, fx.Node) else None
    if not isinstance(value, torch.Tensor):
        raise Untranslatable(str(node))
    return value


def _input(node: fx.Node, position: int = 0) -> fx.Node:
    found = node.args[position]
    if not isinstance(found, fx.Node):
        raise Untranslatable(str(node))
    return found


def _static(size: Any) -> int:
    if not isinstance(size, int):
        raise Untranslatable(str(size))
    return size


def _numbers(value: Any, rank: int) -> list[int]:
    numbers = [value] if isinstance(value, int) else list(value)
    numbers = [_static(number) for number in numbers]
    return numbers * rank if len(numbers) == 1 else numbers


def _unary(builder: Builder, node: fx.Node) -> None:
    builder.emit(_UNARY[node.target], [builder.value(node.args[0])], node)


def _same(builder: Builder, node: fx.Node) -> None:
    builder.names[node] = builder.value(node.args[0])


def _operand(builder: Builder, thing: object, like: fx.Node) -> str:
    if isinstance(thing, bool | int | float):
        dtype = torch.empty((), dtype=_fake(like).dtype).numpy().dtype
        return builder.constant(thing, dtype)
    return builder.value(thing)


def _binary(builder: Builder, node: fx.Node) -> None:
    kinds = {_fake(thing).dtype for thing in node.args[:2] if isinstance(thing, fx.Node)} | {_fake(node).dtype}
    if _argument(node, 2, "alpha", 1) != 1 or len(kinds) != 1 or "rounding_mode" in node.kwargs:
        raise Untranslatable(str(node))
    builder.emit(_BINARY[node.target], [_operand(builder, thing, node) for thing in node.args[:2]], node)


def _convolution(builder: Builder, node: fx.Node) -> None:
    rank = _fake(_input(node)).ndim - 2
    weight = _fake(_input(node, 1))
    if rank != weight.ndim - 2:  # without a batch dimension
        raise Untranslatable(str(node))
    padding = _numbers(_argument(node, 4, "padding", 0), rank)
    bias = _argument(node, 2, "bias")
    builder.emit(
        "Conv",
        [builder.value(node.args[0]), builder.value(node.args[1]), *([] if bias is None else [builder.value(bias)])],
        node,
        kernel_shape=[_static(size) for size in weight.shape[2:]],
        strides=_numbers(_argument(node, 3, "stride", 1), rank),
        pads=padding * 2,
        dilations=_numbers(_argument(node, 5, "dilation", 1), rank),
        group=_argument(node, 6, "groups", 1),
    )


def _convolution_transposed(builder: Builder, node: fx.Node) -> None:
    rank = _fake(_input(node)).ndim - 2
    weight = _fake(_input(node, 1))
    if rank != weight.ndim - 2:
        raise Untranslatable(str(node))
    bias = _argument(node, 2, "bias")
    builder.emit(
        "ConvTranspose",
        [builder.value(node.args[0]), builder.value(node.args[1]), *([] if bias is None else [builder.value(bias)])],
        node,
        kernel_shape=[_static(size) for size in weight.shape[2:]],
        strides=_numbers(_argument(node, 3, "stride", 1), rank),
        pads=_numbers(_argument(node, 4, "padding", 0), rank) * 2,
        output_padding=_numbers(_argument(node, 5, "output_padding", 0), rank),
        group=_argument(node, 6, "groups", 1),
        dilations=_numbers(_argument(node, 7, "dilation", 1), rank),
    )


def _linear(builder: Builder, node: fx.Node) -> None:
    source, weight = _input(node), _input(node, 1)
    bias = _argument(node, 2, "bias")
    inputs = [builder.value(source), builder.value(weight), *([] if bias is None else [builder.value(bias)])]
    rank = _fake(source).ndim
    if rank == 2:
        builder.emit("Gemm", inputs, node, transB=1)
        return
    if rank < 2:
        raise Untranslatable(str(node))
    turned = builder.emit("Transpose", [inputs[1]], node, part=".weight", perm=[1, 0])
    if bias is None:
        builder.emit("MatMul", [inputs[0], turned], node)
        return
    product = builder.emit("MatMul", [inputs[0], turned], node, part=".product")
    builder.emit("Add", [product, inputs[2]], node)


def _batch_norm(builder: Builder, node: fx.Node) -> None:
    source, gamma, beta, mean, variance, training, _, epsilon, *_ = node.args
    if training or mean is None or variance is None:
        raise Untranslatable(str(node))
    channels = _static(_fake(mean).shape[0])
    one = builder.constant(np.ones(channels), np.float32) if gamma is None else builder.value(gamma)
    zero = builder.constant(np.zeros(channels), np.float32) if beta is None else builder.value(beta)
    inputs = [builder.value(source), one, zero, builder.value(mean), builder.value(variance)]
    builder.emit("BatchNormalization", inputs, node, epsilon=float(epsilon))  # type: ignore[arg-type]


def _layer_norm(builder: Builder, node: fx.Node) -> None:
    gamma, beta = _argument(node, 2, "weight"), _argument(node, 3, "bias")
    if gamma is None:
        raise Untranslatable(str(node))
    inputs = [builder.value(node.args[0]), builder.value(gamma), *([] if beta is None else [builder.value(beta)])]
    axis = -len(node.args[1])  # type: ignore[arg-type]
    builder.emit("LayerNormalization", inputs, node, axis=axis, epsilon=float(_argument(node, 4, "eps", 1e-5)))


def _clip(builder: Builder, node: fx.Node) -> None:
    low: Any
    high: Any
    if node.target in (_aten.relu6.default, _aten.relu6_.default):
        low, high = 0.0, 6.0
    elif node.target in (_aten.hardtanh.default, _aten.hardtanh_.default):
        low, high = _argument(node, 1, "min_val", -1.0), _argument(node, 2, "max_val", 1.0)
    elif node.target is _aten.clamp_min.default:
        low, high = node.args[1], None
    else:
        low, high = _argument(node, 1, "min"), _argument(node, 2, "max")
    if any(isinstance(end, fx.Node) for end in (low, high)) or _fake(node).dtype != torch.float32:
        raise Untranslatable(str(node))
    ends = ["" if end is None else builder.constant(end, np.float32) for end in (low, high)]
    builder.emit("Clip", [builder.value(node.args[0]), *ends], node)


def _hardsigmoid(builder: Builder, node: fx.Node) -> None:
    builder.emit("HardSigmoid", [builder.value(node.args[0])], node, alpha=1.0 / 6.0, beta=0.5)


def _silu(builder: Builder, node: fx.Node) -> None:
    source = builder.value(node.args[0])
    builder.emit("Mul", [source, builder.emit("Sigmoid", [source], node, part=".gate")], node)


def _gelu(builder: Builder, node: fx.Node) -> None:
    builder.emit("Gelu", [builder.value(node.args[0])], node, approximate=_argument(node, 1, "approximate", "none"))


def _leaky_relu(builder: Builder, node: fx.Node) -> None:
    builder.emit("LeakyRelu", [builder.value(node.args[0])], node, alpha=float(_argument(node, 1, "slope", 0.01)))


def _elu(builder: Builder, node: fx.Node) -> None:
    if len(node.args) > 2:
        raise Untranslatable(str(node))
    builder.emit("Elu", [builder.value(node.args[0])], node, alpha=float(_argument(node, 1, "alpha", 1.0)))


def _softmax(builder: Builder, node: fx.Node) -> None:
    if _argument(node, 2, "dtype") is not None:
        raise Untranslatable(str(node))
    name = "Softmax" if node.target is _aten.softmax.int else "LogSoftmax"
    builder.emit(name, [builder.value(node.args[0])], node, axis=node.args[1])


def _max_pool(builder: Builder, node: fx.Node) -> None:
    rank = _fake(_input(node)).ndim - 2
    if rank < 1 or _argument(node, 5, "ceil_mode", default=False):
        raise Untranslatable(str(node))
    kernel = _numbers(node.args[1], rank)
    builder.emit(
        "MaxPool",
        [builder.value(node.args[0])],
        node,
        kernel_shape=kernel,
        strides=_numbers(_argument(node, 2, "stride") or kernel, rank),
        pads=_numbers(_argument(node, 3, "padding", 0), rank) * 2,
        dilations=_numbers(_argument(node, 4, "dilation", 1), rank),
    )


def _average_pool(builder: Builder, node: fx.Node) -> None:
    source = _fake(_input(node))
    rank = source.ndim - 2
    kernel = _numbers(node.args[1], rank)
    padding = _numbers(_argument(node, 3, "padding", 0), rank)
    if rank < 1 or _argument(node, 4, "ceil_mode", default=False) or _argument(node, 6, "divisor_override") is not None:
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
        strides=_numbers(_argument(node, 2, "stride") or kernel, rank),
        pads=padding * 2,
        count_include_pad=int(_argument(node, 5, "count_include_pad", default=True)),
    )


def _adaptive_average_pool(builder: Builder, node: fx.Node) -> None:
    source = _fake(_input(node))
    rank = len(node.args[1])  # type: ignore[arg-type]
    if source.ndim != rank + 2:
        raise Untranslatable(str(node))
    value = builder.value(node.args[0])
    target = _numbers(node.args[1], rank)
    if all(size == 1 for size in target):
        builder.emit("GlobalAveragePool", [value], node)
        return
    sizes = [_static(size) for size in source.shape[2:]]
    if any(size % out for size, out in zip(sizes, target, strict=True)):
        raise Untranslatable(str(node))
    kernel = [size // out for size, out in zip(sizes, target, strict=True)]
    builder.emit("AveragePool", [value], node, kernel_shape=kernel, strides=kernel)


def _mean(builder: Builder, node: fx.Node) -> None:
    rank = _fake(_input(node)).ndim
    axes = node.args[1]
    keep = bool(_argument(node, 2, "keepdim", default=False))
    if not isinstance(axes, list | tuple) or not axes or node.kwargs.get("dtype") is not None:
        raise Untranslatable(str(node))
    whole = sorted(_static(axis) % rank for axis in axes)
    value = builder.value(node.args[0])
    if rank >= 3 and whole == list(range(2, rank)):  # the kernels know this one, in 8 bits too
        pooled = builder.emit("GlobalAveragePool", [value], node, part="" if keep else ".pooled")
        if not keep:
            builder.emit("Flatten", [pooled], node, axis=1)
        return
    builder.emit("ReduceMean", [value, builder.constant(whole)], node, keepdims=int(keep))


def _reshape(builder: Builder, node: fx.Node) -> None:
    source, result = _fake(_input(node)), _fake(node)
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
    rank = _fake(_input(node)).ndim
    if node.target is _aten.permute.default:
        order = [_static(axis) % rank for axis in node.args[1]]  # type: ignore[union-attr]
    else:
        order = list(range(rank))
        first, second = (0, 1) if node.target is _aten.t.default else (_static(a) % rank for a in node.args[1:3])
        if rank > 1:
            order[first], order[second] = order[second], order[first]
    builder.emit("Transpose", [builder.value(node.args[0])], node, perm=order)


def _slice(builder: Builder, node: fx.Node) -> None:
    axis, start, end, step = (
        _argument(node, 1, "dim", 0),
        _argument(node, 2, "start"),
        _argument(node, 3, "end"),
        _argument(node, 4, "step", 1),
    )
    start, end = start or 0, (1 << 63) - 1 if end is None else end
    if start == 0 and step == 1 and isinstance(end, int) and end >= (1 << 62):
        builder.names[node] = builder.value(node.args[0])
        return
    ends = [builder.constant([_static(number)]) for number in (start, end, axis, step)]
    builder.emit("Slice", [builder.value(node.args[0]), *ends], node)


def _select(builder: Builder, node: fx.Node) -> None:
    index = builder.constant(_static(node.args[2]))
    builder.emit("Gather", [builder.value(node.args[0]), index], node, axis=node.args[1])


def _squeeze(builder: Builder, node: fx.Node) -> None:
    name = "Unsqueeze" if node.target is _aten.unsqueeze.default else "Squeeze"
    if len(node.args) < 2:
        raise Untranslatable(str(node))
    axes = _numbers(node.args[1], 1)
    source = _fake(_input(node))
    if name == "Squeeze" and any(source.shape[axis] != 1 for axis in axes):
        raise Untranslatable(str(node))
    builder.emit(name, [builder.value(node.args[0]), builder.constant(axes)], node)


def _pad(builder: Builder, node: fx.Node) -> None:
    rank = _fake(_input(node)).ndim
    amounts = [_static(amount) for amount in node.args[1]]  # type: ignore[union-attr]
    mode, value = "constant", 0.0
    if node.target is _aten.pad.default:
        mode, value = _argument(node, 2, "mode", "constant"), _argument(node, 3, "value") or 0.0
    elif len(node.args) > 2:
        value = node.args[2]  # type: ignore[assignment]
    if mode != "constant" or _fake(node).dtype != torch.float32:
        raise Untranslatable(str(node))
    before, after = [0] * rank, [0] * rank
    for position in range(len(amounts) // 2):
        before[rank - 1 - position], after[rank - 1 - position] = amounts[2 * position : 2 * position + 2]
    inputs = [builder.value(node.args[0]), builder.constant(before + after), builder.constant(value, np.float32)]
    builder.emit("Pad", inputs, node, mode="constant")


def _concatenate(builder: Builder, node: fx.Node) -> None:
    parts = node.args[0]
    if not isinstance(parts, list | tuple) or len({_fake(part).dtype for part in parts}) != 1:
        raise Untranslatable(str(node))
    builder.emit("Concat", [builder.value(part) for part in parts], node, axis=_argument(node, 1, "dim", 0))


def _split(builder: Builder, node: fx.Node) -> None:
    parts = node.meta.get("val")
    axis = _argument(node, 2, "dim", 0)
    if not isinstance(parts, list | tuple):
        raise Untranslatable(str(node))
    sizes = [_static(part.shape[axis]) for part in parts]
    if len(sizes) == 1:
        builder.names[node] = [builder.value(node.args[0])]
        return
    builder.emit("Split", [builder.value(node.args[0]), builder.constant(sizes)], node, outputs=len(sizes), axis=axis)


def _item(builder: Builder, node: fx.Node) -> None:
    names = builder.names.get(_input(node))
    if not isinstance(names, list):
        raise Untranslatable(str(node))
    builder.names[node] = names[_static(node.args[1])]


def _matmul(builder: Builder, node: fx.Node) -> None:
    builder.emit("MatMul", [builder.value(node.args[0]), builder.value(node.args[1])], node)


def _attention(builder: Builder, node: fx.Node) -> None:
    """``softmax(q k' * scale + mask) v``; a boolean mask keeps where it is true."""
    query, key, value = (_input(node, position) for position in range(3))
    mask, causal = _argument(node, 3, "attn_mask"), _argument(node, 5, "is_causal", default=False)
    rank, depth = _fake(query).ndim, _static(_fake(query).shape[-1])
    grouped = _argument(node, 7, "enable_gqa", default=False)
    if causal or grouped or (mask is not None and _fake(mask).dtype not in (torch.bool, _fake(query).dtype)):
        raise Untranslatable(str(node))
    factor = _argument(node, 6, "scale")
    factor = 1.0 / depth**0.5 if factor is None else factor
    order = [*range(rank - 2), rank - 1, rank - 2]
    turned = builder.emit("Transpose", [builder.value(key)], node, part=".key", perm=order)
    scale = builder.constant(factor, np.float32)
    scaled = builder.emit("Mul", [builder.value(query), scale], node, part=".query")
    scores = builder.emit("MatMul", [scaled, turned], node, part=".scores")
    if mask is not None and _fake(mask).dtype == torch.bool:
        lowest = builder.constant(-np.inf, np.float32)
        scores = builder.emit("Where", [builder.value(mask), scores, lowest], node, part=".masked")
    elif mask is not None:
        scores = builder.emit("Add", [scores, builder.value(mask)], node, part=".masked")
    weights = builder.emit("Softmax", [scores], node, part=".weights", axis=-1)
    builder.emit("MatMul", [weights, builder.value(value)], node)


def _unbind(builder: Builder, node: fx.Node) -> None:
    parts = node.meta.get("val")
    axis = _static(_argument(node, 1, "dim", 0))
    if not isinstance(parts, list | tuple):
        raise Untranslatable(str(node))
    source = builder.value(node.args[0])
    names = []
    for index in range(len(parts)):
        position = builder.constant(index)
        names.append(builder.emit("Gather", [source, position], node, part=f".{index}", axis=axis))
    builder.names[node] = names


def _prelu(builder: Builder, node: fx.Node) -> None:
    source, weight = _fake(_input(node)), _input(node, 1)
    slope = builder.value(weight)
    if _fake(weight).numel() > 1 and source.ndim > 2:
        shape = builder.constant([-1, *[1] * (source.ndim - 2)])
        slope = builder.emit("Reshape", [slope, shape], node, part=".slope")
    builder.emit("PRelu", [builder.value(node.args[0]), slope], node)


def _upsample_nearest(builder: Builder, node: fx.Node) -> None:
    """Whole multiples only, where every convention of coordinates agrees."""
    source, result = _fake(_input(node)), _fake(node)
    sizes = [(_static(old), _static(new)) for old, new in zip(source.shape[2:], result.shape[2:], strict=True)]
    if any(new % old for old, new in sizes):
        raise Untranslatable(str(node))
    factors = builder.constant([1.0, 1.0, *[new / old for old, new in sizes]], np.float32)
    attributes: dict[str, Any] = {
        "mode": "nearest",
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "floor",
    }
    builder.emit("Resize", [builder.value(node.args[0]), "", factors], node, **attributes)


def _embedding(builder: Builder, node: fx.Node) -> None:
    builder.emit("Gather", [builder.value(node.args[0]), builder.value(node.args[1])], node, axis=0)


def _fake_quantize(builder: Builder, node: fx.Node) -> None:
    grid = [builder.value(node.args[1]), builder.value(node.args[2])]
    axis: dict[str, Any] = {} if node.args[3] == -1 else {"axis": node.args[3]}
    stored = builder.emit("QuantizeLinear", [builder.value(node.args[0]), *grid], node, part=".stored", **axis)
    builder.emit("DequantizeLinear", [stored, *grid], node, **axis)


RULES: dict[object, Rule] = {
    **dict.fromkeys(_UNARY, _unary),
    **dict.fromkeys(_BINARY, _binary),
    **dict.fromkeys(_SAME, _same),
    **dict.fromkeys((_aten.conv1d.default, _aten.conv2d.default, _aten.conv3d.default), _convolution),
    **dict.fromkeys((_aten.conv_transpose1d.default, _aten.conv_transpose2d.input), _convolution_transposed),
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
    **dict.fromkeys((_aten.softmax.int, _aten.log_softmax.int), _softmax),
    **dict.fromkeys((_aten.max_pool1d.default, _aten.max_pool2d.default), _max_pool),
    **dict.fromkeys((_aten.adaptive_avg_pool1d.default, _aten.adaptive_avg_pool2d.default), _adaptive_average_pool),
    **dict.fromkeys(
        (_aten.view.default, _aten.reshape.default, _aten.flatten.using_ints, _aten.unflatten.int), _reshape
    ),
    **dict.fromkeys((_aten.permute.default, _aten.transpose.int, _aten.t.default), _permute),
    **dict.fromkeys((_aten.squeeze.dim, _aten.squeeze.dims, _aten.unsqueeze.default), _squeeze),
    **dict.fromkeys((_aten.pad.default, _aten.constant_pad_nd.default), _pad),
    **dict.fromkeys((_aten.chunk.default, _aten.split.Tensor, _aten.split_with_sizes.default), _split),
    **dict.fromkeys((_aten.matmul.default, _aten.bmm.default, _aten.mm.default), _matmul),
    _aten.linear.default: _linear,
    _aten.batch_norm.default: _batch_norm,
    _aten.layer_norm.default: _layer_norm,
    _aten.gelu.default: _gelu,
    _aten.avg_pool2d.default: _average_pool,
    _aten.mean.dim: _mean,
    _aten.slice.Tensor: _slice,
    _aten.select.int: _select,
    _aten.cat.default: _concatenate,
    _aten.embedding.default: _embedding,
    _aten.scaled_dot_product_attention.default: _attention,
    _aten.unbind.int: _unbind,
    _aten.prelu.default: _prelu,
    _aten.upsample_nearest2d.vec: _upsample_nearest,
    _aten.upsample_nearest2d.default: _upsample_nearest,
    operator.getitem: _item,
    torch.ops.paredown.fake_quantize.default: _fake_quantize,
}
"""ATen operator to its rule."""
