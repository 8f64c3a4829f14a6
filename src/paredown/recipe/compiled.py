"""A training's forward and backward passes through ``torch.compile``."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

from paredown.errors import RecipeError

__all__ = ["compiled", "telling"]

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")


def compiled(run: Callable[_Given, _Made]) -> Callable[_Given, _Made]:
    """What does the same, compiled when it is first called, for every shape of inputs anew; errors as in `telling`."""
    return telling(torch.compile(run, dynamic=False))


def telling(run: Callable[_Given, _Made]) -> Callable[_Given, _Made]:
    """What does the same and tells in our words where the compiler fails.

    The backward pass is compiled when it first runs, so what runs it needs this too.

    Raises:
        RecipeError: (when called) the compiler cannot compile the graph, or there is no compiler.

    """

    @functools.wraps(run)
    def step(*args: _Given.args, **kwargs: _Given.kwargs) -> _Made:
        from torch._dynamo.exc import TorchDynamoException  # noqa: PLC0415 (heavy; loaded by now)

        try:
            return run(*args, **kwargs)
        except TorchDynamoException as error:
            msg = (
                "Train(compiled=True) was given, and torch.compile cannot make a step of this network on this machine: "
                f"{str(error).strip().splitlines()[0]} Leave `compiled` out."
            )
            raise RecipeError(msg) from error

    return step
