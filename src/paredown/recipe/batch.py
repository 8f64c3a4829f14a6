"""What a batch is: inputs as a tensor, tuple or dict, and a target of any nesting."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from paredown.graph.network import Network
from paredown.graph.structure import flatten
from paredown.task import arguments

__all__ = ["call", "each", "flat", "length", "to"]


def call(module: nn.Module, inputs: Any) -> Any:
    """Call a network, or any model, on the inputs of a batch.

    Raises:
        TaskError: the model takes no such inputs.

    """
    if isinstance(module, Network):
        return module(inputs)
    args, kwargs = arguments(module, inputs)
    return module(*args, **kwargs)


def flat(network: Network, inputs: Any) -> list[torch.Tensor]:
    """Inputs of a batch as the network's flat tensors, in its order; by name where the data names them."""
    return [inputs] if isinstance(inputs, torch.Tensor) and len(network.inputs) == 1 else network.arrange(inputs)


def each(function: Callable[[torch.Tensor], torch.Tensor], thing: Any) -> Any:
    """The same nesting with `function` applied to every tensor."""
    if isinstance(thing, torch.Tensor):
        return function(thing)
    tensors, structure = flatten(thing)
    return structure.build([function(tensor) for tensor in tensors])


def to(device: torch.device, thing: Any) -> Any:
    """The same nesting with every tensor on a device."""
    return each(lambda tensor: tensor.to(device, non_blocking=True), thing)


def length(inputs: Any) -> int:
    """Number of examples: the first dimension of the first tensor."""
    return int(flatten(inputs)[0][0].shape[0])
