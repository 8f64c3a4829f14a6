"""Weights that layers multiply by, as matrices."""

from typing import Any

import torch
from torch import fx, nn

from paredown.errors import RecipeError
from paredown.graph.fakequantize import FakeQuantize
from paredown.graph.network import Network

__all__ = ["matrix", "require"]

_aten = torch.ops.aten
_LAYERS = frozenset(
    {
        _aten.linear.default,
        *(_aten.conv1d.default, _aten.conv1d.padding),
        *(_aten.conv2d.default, _aten.conv2d.padding),
        *(_aten.conv3d.default, _aten.conv3d.padding),
        _aten.convolution.default,
    }
)


def require(network: Network, who: str) -> dict[str, nn.Parameter]:
    """Trainable weights of linear layers and convolutions by name, tied ones once.

    Raises:
        RecipeError: the network has none.

    """
    parameters = {name: p for name, p in network.named_parameters() if p.requires_grad and p.ndim > 1}
    read = {
        str(source.target)
        for node in network.nodes()
        if node.target in _LAYERS
        if (source := _behind(node.args[1])).op == "get_attr"
    }
    found = {name: parameter for name, parameter in parameters.items() if name in read}
    if not found:
        msg = (
            f"{who} works on weights of linear layers and convolutions, and this network has none that can be trained. "
            "Leave it out of `using`."
        )
        raise RecipeError(msg)
    return found


def matrix(weight: torch.Tensor) -> torch.Tensor:
    """A weight ``[out, ...]`` as ``[out, inputs]``."""
    return weight.flatten(1)


def _behind(node: Any) -> fx.Node:
    """What a weight is before it is rounded or made noisy."""
    while (rounded := FakeQuantize.of(node)) is not None or node.op == "call_module":
        node = node.args[0] if rounded is None else rounded.value
    return node  # type: ignore[no-any-return]
