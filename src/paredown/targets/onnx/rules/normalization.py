"""Norms and softmax."""

import numpy as np
import torch
from torch import fx

from paredown.targets.onnx.builder import Builder, Untranslatable
from paredown.targets.onnx.rules.reading import Rule, argument, fake, static

__all__ = ["RULES"]

_aten = torch.ops.aten


def _batch_norm(builder: Builder, node: fx.Node) -> None:
    source, gamma, beta, mean, variance, training, _, epsilon, *_ = node.args
    if training or mean is None or variance is None:
        raise Untranslatable(str(node))
    channels = static(fake(mean).shape[0])
    one = builder.constant(np.ones(channels), np.float32) if gamma is None else builder.value(gamma)
    zero = builder.constant(np.zeros(channels), np.float32) if beta is None else builder.value(beta)
    inputs = [builder.value(source), one, zero, builder.value(mean), builder.value(variance)]
    builder.emit("BatchNormalization", inputs, node, epsilon=float(epsilon))  # type: ignore[arg-type]


def _layer_norm(builder: Builder, node: fx.Node) -> None:
    gamma, beta = argument(node, 2, "weight"), argument(node, 3, "bias")
    if gamma is None:
        raise Untranslatable(str(node))
    inputs = [builder.value(node.args[0]), builder.value(gamma), *([] if beta is None else [builder.value(beta)])]
    axis = -len(node.args[1])  # type: ignore[arg-type]
    builder.emit("LayerNormalization", inputs, node, axis=axis, epsilon=float(argument(node, 4, "eps", 1e-5)))


def _softmax(builder: Builder, node: fx.Node) -> None:
    if argument(node, 2, "dtype") is not None:
        raise Untranslatable(str(node))
    name = "Softmax" if node.target is _aten.softmax.int else "LogSoftmax"
    builder.emit(name, [builder.value(node.args[0])], node, axis=node.args[1])


RULES: dict[object, Rule] = {
    **dict.fromkeys((_aten.softmax.int, _aten.log_softmax.int), _softmax),
    _aten.batch_norm.default: _batch_norm,
    _aten.layer_norm.default: _layer_norm,
}
