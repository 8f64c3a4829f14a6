"""Rounding to the range that the values at hand have, found anew at every run.

``torch.ops.paredown.dynamic_quantize(x, quant_min, quant_max)`` computes what ONNX's DynamicQuantizeLinear followed by
DequantizeLinear computes: one scale for the whole tensor, so an example's numbers depend a little on those it shares a
batch with. Gradients pass straight through, for nothing is clipped.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import fx

from paredown.graph.formats import UINT8, IntFormat
from paredown.graph.network import Network

__all__ = ["dynamic_grid", "dynamic_quantize", "is_dynamic", "round_dynamically"]


def dynamic_grid(x: torch.Tensor, quant_min: int, quant_max: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and zero point that cover the smallest to the largest value and hold 0 exactly."""
    low, high = x.detach().float().aminmax()
    low, high = low.clamp(max=0.0), high.clamp(min=0.0)
    scale = (high - low) / (quant_max - quant_min)
    scale = torch.where(high == low, 1.0, scale)
    return scale, (quant_min - low / scale).round().clamp(quant_min, quant_max)


@torch.library.custom_op("paredown::dynamic_quantize", mutates_args=())
def dynamic_quantize(x: torch.Tensor, quant_min: int, quant_max: int) -> torch.Tensor:
    """Round to the grid of a number format that covers the values, and back.

    Args:
        x: any floating-point tensor; computed in float32 and returned in its own type.
        quant_min: smallest stored number.
        quant_max: largest stored number.

    """
    scale, zero = dynamic_grid(x, quant_min, quant_max)
    grid = (x.float() / scale).round_().add_(zero).clamp_(quant_min, quant_max)
    return grid.sub_(zero).mul_(scale).to(x.dtype)


@dynamic_quantize.register_fake
def _(x: Any, quant_min: int, quant_max: int) -> torch.Tensor:  # noqa: ARG001 (the signature of the operator)
    return torch.empty_like(x)


def _backward(ctx: Any, gradient: torch.Tensor) -> tuple[Any, ...]:  # noqa: ARG001 (the signature of torch)
    return gradient.clone(), None, None


dynamic_quantize.register_autograd(_backward)


def is_dynamic(node: fx.Node) -> bool:
    """Whether a node rounds to the range of its values."""
    return node.target is torch.ops.paredown.dynamic_quantize.default


def round_dynamically(network: Network, node: fx.Node, users: Iterable[fx.Node], form: IntFormat = UINT8) -> fx.Node:
    """Let some readers of a node's value read it rounded; the network is changed, call ``recompile()`` when done."""
    graph, place = network.graph_module.graph, node
    while place.op == "placeholder" and place.next.op == "placeholder":
        place = place.next
    with graph.inserting_after(place):
        arguments = (node, form.quant_min, form.quant_max)
        rounded = graph.call_function(torch.ops.paredown.dynamic_quantize.default, arguments)
    rounded.meta = {key: entry for key, entry in node.meta.items() if key != "val"}
    if (fake := node.meta.get("val")) is not None:
        rounded.meta["val"] = torch.empty_like(fake)
    for user in list(users):
        user.replace_input_with(node, rounded)
    return rounded
