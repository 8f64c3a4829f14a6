"""A training's forward and backward passes through ``torch.compile``."""

from collections.abc import Callable
from typing import Any

import torch
from torch import fx

from paredown.errors import RecipeError

__all__ = ["compiled_step"]


def compiled_step(graph_module: fx.GraphModule) -> Callable[..., Any]:
    """A function that does what the graph does, compiled when it is first called, for every shape of inputs anew.

    Raises:
        RecipeError: (when called) the compiler cannot compile the graph, or there is no compiler.

    """
    run = torch.compile(graph_module, dynamic=False)

    def step(*tensors: torch.Tensor) -> Any:
        from torch._dynamo.exc import TorchDynamoException  # noqa: PLC0415 (heavy; loaded by now)

        try:
            return run(*tensors)
        except TorchDynamoException as error:
            msg = (
                "Train(compiled=True) was given, and torch.compile cannot make a step of this network on this machine: "
                f"{str(error).strip().splitlines()[0]} Leave `compiled` out."
            )
            raise RecipeError(msg) from error

    return step
