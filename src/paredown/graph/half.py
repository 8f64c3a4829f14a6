"""Weights kept in 16 bits: rounded to a shorter floating-point format where they are read.

``torch.ops.paredown.round_float(x, format)`` is the cast to ``float16`` or ``bfloat16`` and back. Gradients pass
straight through (a cast's own gradient would be rounded as well, and small ones lost), so the float32 weight behind it
goes on learning.
"""

from typing import Any

import torch
from torch import fx

from paredown.graph.formats import BFLOAT16, FLOAT16, FloatFormat
from paredown.graph.network import Network

__all__ = ["HALVES", "half_format", "round_float", "round_where_read"]

HALVES = {form.name: form for form in (FLOAT16, BFLOAT16)}
_TYPES = {FLOAT16.name: torch.float16, BFLOAT16.name: torch.bfloat16}


@torch.library.custom_op("paredown::round_float", mutates_args=())
def round_float(x: torch.Tensor, format: str) -> torch.Tensor:  # noqa: A002 (the word for it)
    """Round to the nearest numbers of a 16-bit format.

    Args:
        x: any floating-point tensor; returned in its own type.
        format: ``float16`` or ``bfloat16``.

    """
    return x.to(_TYPES[format]).to(x.dtype, copy=True)


@round_float.register_fake
def _(x: Any, format: str) -> torch.Tensor:  # noqa: A002, ARG001 (the signature of the operator)
    return torch.empty_like(x)


def _backward(ctx: Any, gradient: torch.Tensor) -> tuple[Any, ...]:  # noqa: ARG001 (the signature of torch)
    return gradient.clone(), None


round_float.register_autograd(_backward)


def half_format(node: fx.Node) -> FloatFormat | None:
    """The format that a node rounds to; None where it is another operator."""
    return HALVES[str(node.args[1])] if node.target is torch.ops.paredown.round_float.default else None


def round_where_read(network: Network, name: str, form: FloatFormat) -> None:
    """Let every reader of a parameter read it rounded; the network is changed, call ``recompile()`` when done."""
    graph = network.graph_module.graph
    for source in [node for node in network.nodes() if node.op == "get_attr" and node.target == name]:
        users = list(source.users)
        with graph.inserting_after(source):
            rounded = graph.call_function(torch.ops.paredown.round_float.default, (source, form.name))
        rounded.meta = {key: entry for key, entry in source.meta.items() if key != "val"}
        if (fake := source.meta.get("val")) is not None:
            rounded.meta["val"] = torch.empty_like(fake)
        for user in users:
            user.replace_input_with(source, rounded)
