"""Copies of the user's models."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

__all__ = ["detached_copy"]


def detached_copy(model: nn.Module) -> nn.Module:
    """``copy.deepcopy`` of a model that also takes results of operations.

    Tensors with a gradient history that a model keeps beside its parameters (a weight computed before each forward, a
    masked weight, a remembered feature) are copied without it. Whatever else cannot be copied raises what
    ``copy.deepcopy`` raises.
    """
    with _Detaching():
        return copy.deepcopy(model)


class _Detaching(TorchFunctionMode):
    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is torch.Tensor.__deepcopy__ and not args[0].is_leaf:
            tensor, memo = args
            if id(tensor) not in memo:
                memo[id(tensor)] = tensor.detach().clone()
            return memo[id(tensor)]
        return func(*args, **(kwargs or {}))
