"""What a batch is: inputs as a tensor, tuple or dict, and a target of any nesting."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from paredown.errors import InputError
from paredown.graph.network import Network
from paredown.graph.structure import flatten
from paredown.task import arguments

__all__ = ["call", "each", "flat", "length", "to"]


def call(module: nn.Module, inputs: Any) -> Any:
    """Call a network, or any model, on the inputs of a batch.

    Raises:
        TaskError: the model takes no such inputs.
        InputError: the network was captured for inputs of another shape.

    """
    if isinstance(module, Network):
        flat(module, inputs)
        return module(inputs)
    args, kwargs = arguments(module, inputs)
    return module(*args, **kwargs)


def flat(network: Network, inputs: Any) -> list[torch.Tensor]:
    """Inputs of a batch as the network's flat tensors, in its order; by name where the data names them.

    Raises:
        InputError: there are too few or too many, or one has another shape than the network was captured for.

    """
    single = isinstance(inputs, torch.Tensor) and len(network.inputs) == 1
    tensors = [inputs] if single else network.arrange(inputs)
    for spec, tensor in zip(network.inputs, tensors, strict=True):
        if not _fits(spec.shape, tensor.shape):
            msg = (
                f"A batch holds {spec.name} as {list(tensor.shape)}; the network was captured for "
                f"[{', '.join(map(str, spec.shape))}]. Give data of that shape (pad to one length, crop or resize to one size), "
                "or capture the model with an example like the data."
            )
            raise InputError(msg)
    return tensors


def _fits(wanted: Sequence[int | str], given: Sequence[int]) -> bool:
    return len(wanted) == len(given) and all(
        isinstance(size, str) or size == length for size, length in zip(wanted, given, strict=True)
    )


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
