"""Scaled dot-product attention."""

import numpy as np
import torch
from torch import fx

from paredown.targets.onnx.builder import Builder, Untranslatable
from paredown.targets.onnx.rules.reading import Rule, argument, fake, given, static

__all__ = ["RULES"]

_aten = torch.ops.aten


def _attention(builder: Builder, node: fx.Node) -> None:
    """``softmax(q k' * scale + mask) v``; a boolean mask keeps where it is true, a causal one up to the diagonal."""
    query, key, value = (given(node, position) for position in range(3))
    mask, causal = argument(node, 3, "attn_mask"), argument(node, 5, "is_causal", default=False)
    rank, depth = fake(query).ndim, static(fake(query).shape[-1])
    grouped = argument(node, 7, "enable_gqa", default=False)
    if (
        grouped
        or (causal and mask is not None)
        or (mask is not None and fake(mask).dtype not in (torch.bool, fake(query).dtype))
    ):
        raise Untranslatable(str(node))
    factor = argument(node, 6, "scale")
    factor = 1.0 / depth**0.5 if factor is None else factor
    order = [*range(rank - 2), rank - 1, rank - 2]
    turned = builder.emit("Transpose", [builder.value(key)], node, part=".key", perm=order)
    scale = builder.constant(factor, np.float32)
    scaled = builder.emit("Mul", [builder.value(query), scale], node, part=".query")
    scores = builder.emit("MatMul", [scaled, turned], node, part=".scores")
    if mask is not None and fake(mask).dtype == torch.bool:
        lowest = builder.constant(-np.inf, np.float32)
        scores = builder.emit("Where", [builder.value(mask), scores, lowest], node, part=".masked")
    elif mask is not None:
        scores = builder.emit("Add", [scores, builder.value(mask)], node, part=".masked")
    if causal:
        size = (static(fake(query).shape[-2]), static(fake(key).shape[-2]))
        ahead = builder.constant(np.triu(np.full(size, -np.inf), 1), np.float32, "causal")
        scores = builder.emit("Add", [scores, ahead], node, part=".causal")
    weights = builder.emit("Softmax", [scores], node, part=".weights", axis=-1)
    builder.emit("MatMul", [weights, builder.value(value)], node)


RULES: dict[object, Rule] = {_aten.scaled_dot_product_attention.default: _attention}
