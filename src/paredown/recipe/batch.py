"""What a batch is: inputs as a tensor, tuple or dict, and a target of any nesting."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from paredown.graph.structure import flatten

__all__ = ["call", "each", "length", "to"]


def call(module: Callable[..., Any], inputs: Any) -> Any:
    """Call a model on the inputs of a batch: a dict by keyword, a tuple or list by position, else as the one input."""
    if isinstance(inputs, Mapping):
        return module(**inputs)
    if isinstance(inputs, (tuple, list)):
        return module(*inputs)
    return module(inputs)


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
