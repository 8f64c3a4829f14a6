"""How a batch goes into a model."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from paredown.errors import TaskError

__all__ = ["arguments", "tensor_items"]


def arguments(model: nn.Module, inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """``(args, kwargs)`` to call a model on the inputs of a batch.

    A dict goes in by keyword where the forward takes those names, a tuple by position where it takes so many, else
    either goes in as the one argument.

    Raises:
        TaskError: the forward takes none of these; the message says what it takes.

    """
    signature = inspect.signature(model.forward)
    ways: list[tuple[tuple[Any, ...], dict[str, Any]]] = [((inputs,), {})]
    if isinstance(inputs, Mapping):
        ways.insert(0, ((), dict(inputs)))
        given = f"a dict of {', '.join(map(str, inputs))}"
    elif isinstance(inputs, (tuple, list)):
        ways.insert(0, (tuple(inputs), {}))
        given = f"{len(inputs)} inputs"
    else:
        given = "one input"
    for args, kwargs in ways:
        try:
            signature.bind(*args, **kwargs)
        except TypeError:
            continue
        return args, kwargs
    names = [name for name, p in signature.parameters.items() if p.kind not in {p.VAR_KEYWORD, p.VAR_POSITIONAL}]
    needed = [name for name in names if signature.parameters[name].default is inspect.Parameter.empty]
    example = ", ".join(f"{name!r}: ..." for name in needed or names)
    msg = (
        f"The data has {given}, and {type(model).__name__}.forward takes ({', '.join(names)}). "
        f"Give the inputs by name: ({{{example}}}, target)."
    )
    raise TaskError(msg)


def tensor_items(thing: Any, path: str = "") -> list[tuple[str, torch.Tensor]]:
    """Every tensor in nested inputs, with its key."""
    if isinstance(thing, torch.Tensor):
        return [(path, thing)]
    pairs = thing.items() if isinstance(thing, Mapping) else enumerate(thing)
    return [item for key, value in pairs for item in tensor_items(value, str(key))]
