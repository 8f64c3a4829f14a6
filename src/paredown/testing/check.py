"""Contract checks as named calls, and what they look at: states before and after."""

import dataclasses
import hashlib
import json
import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from paredown import codec
from paredown.graph.network import Network

__all__ = ["Check", "check_settings", "of_model", "of_network", "of_world", "require", "unchanged"]


@dataclasses.dataclass(frozen=True)
class Check:
    """One promise, ready to be checked.

    Attributes:
        name: the promise in a few words.
        run: raises `AssertionError` where it is broken.

    """

    name: str
    run: Callable[[], None] = dataclasses.field(repr=False)

    def __call__(self) -> None:
        """Check the promise.

        Raises:
            AssertionError: it is broken; the message says how.

        """
        self.run()

    def __str__(self) -> str:
        return self.name.replace(" ", "_")


def require(condition: object, message: str) -> None:
    """Raise `AssertionError` with the message unless the condition holds, also under ``python -O``."""
    if not condition:
        raise AssertionError(message)


def of_world() -> dict[str, str]:
    """State of this process that a technique has no business changing."""
    return {
        "torch's random numbers": _hash(torch.random.get_rng_state().numpy().tobytes()),
        "NumPy's random numbers": _hash(repr(np.random.get_state()).encode()),  # noqa: NPY002
        "Python's random numbers": _hash(repr(random.getstate()).encode()),
        "the number of threads": str(torch.get_num_threads()),
        "the default type": str(torch.get_default_dtype()),
        "whether gradients are recorded": str(torch.is_grad_enabled()),
        "deterministic algorithms": str(torch.are_deterministic_algorithms_enabled()),
        "the precision of matrix products": torch.get_float32_matmul_precision(),
    }


def of_model(model: nn.Module) -> dict[str, str]:
    """Everything that can be seen of a user's model."""
    state = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        state.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        state.update(tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return {
        "weights": state.hexdigest(),
        "structure": str(model),
        "mode": str([module.training for module in model.modules()]),
        "hooks": str([(len(module._forward_hooks), len(module._forward_pre_hooks)) for module in model.modules()]),
        "gradients": str([(p.requires_grad, p.grad is None) for p in model.parameters()]),
    }


def of_network(network: Network) -> dict[str, str]:
    """Everything that can be seen of a network."""
    return {
        "graph or weights": network.fingerprint(),
        "mode": str(network.training),
        "gradients": str([(p.requires_grad, p.grad is None) for p in network.parameters()]),
        "hooks": str([len(module._forward_hooks) for module in network.modules()]),
        "example": _hash(b"".join(tensor.numpy().tobytes() for tensor in network.example)),
        "shapes": str([str(getattr(node.meta.get("val"), "shape", None)) for node in network.nodes()]),
    }


def unchanged(before: Mapping[str, str], after: Mapping[str, str], what: str) -> None:
    """Require that two states are the same."""
    changed = [name for name, value in before.items() if after[name] != value]
    require(not changed, f"{what} was changed: {', '.join(changed)}")


def check_settings(thing: Any) -> None:
    """Settings are a frozen dataclass that prints, compares, and survives JSON."""
    cls = type(thing)
    require(dataclasses.is_dataclass(cls), f"{cls.__name__} is not a dataclass: settings could not be stored")
    require(cls.__dataclass_params__.frozen, f"{cls.__name__} is not frozen: settings could change under a stored plan")
    text = json.dumps(codec.encode(thing), allow_nan=False)
    again = codec.decode(json.loads(text))
    require(again == thing, f"{cls.__name__} is another one after JSON: {again!r} from {thing!r}")
    require(codec.fingerprint(again) == codec.fingerprint(thing), f"{cls.__name__} has another fingerprint after JSON")
    for field in dataclasses.fields(cls):
        value = getattr(thing, field.name)
        mutable = isinstance(value, list | dict | set | bytearray | torch.Tensor | np.ndarray)
        require(not mutable, f"{cls.__name__}.{field.name} is a {type(value).__name__}, which can change")


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
