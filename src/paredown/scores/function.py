"""Scores from a user's own function."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from paredown.errors import TaskError
from paredown.scores.score import Array, MeanScore

__all__ = ["FunctionScore", "of"]


@dataclasses.dataclass(frozen=True)
class FunctionScore(MeanScore):
    """The mean over examples of what a function says. Rows: ``[n, 1]``. Made by `of`."""

    function: Callable[[Any, Any], Any]
    name: str
    unit: str = ""
    higher_is_better: bool = True
    binary: bool = False

    def rows(self, outputs: Any, target: Any) -> torch.Tensor:
        """The function's value for each example."""
        n = len(target) if hasattr(target, "__len__") else len(outputs)
        values = _tensor(self.function(outputs, target), self.name)
        if values.ndim == 0 and n != 1:
            values = torch.stack(
                [
                    _tensor(self.function(_one(outputs, i), _one(target, i)), self.name).reshape(-1).mean()
                    for i in range(n)
                ]
            )
        if values.numel() != n:
            msg = (
                f"The score {self.name} returned shape {list(values.shape)} for {n} examples; "
                f"it takes one number per example. Return a tensor of shape [{n}]."
            )
            raise TaskError(msg)
        return values.reshape(n, 1)

    def finish(self, means: Array) -> Array:
        """The mean; of ones and noughts in per cent where the unit is that."""
        return np.asarray(means[..., 0]) * (100.0 if self.binary and self.unit == "%" else 1.0)


def of(
    function: Callable[[Any, Any], Any],
    *,
    name: str = "",
    unit: str = "",
    higher_is_better: bool = True,
    binary: bool = False,
) -> FunctionScore:
    """Make a score of a function ``(outputs, target) -> [n]``.

    Args:
        function: gives one number per example; a function that gives one number per batch is called once for every
            example (as a batch of one), so that the score still has a row per example. Examples lie along the
            first dimension of every tensor in the outputs and the target.
        name: for people; the function's name by default.
        unit: ``%`` where the numbers are per cent, else a word or empty.
        higher_is_better: the direction.
        binary: the numbers are only ever 0 or 1; with the unit ``%`` the score is 100 times their mean.

    Example:
        >>> score = of(lambda outputs, target: (outputs > 0).eq(target), name="hits", unit="%", binary=True)
        >>> score.reduce(score.rows(torch.tensor([1.0, -1.0]), torch.tensor([1, 1])).numpy())
        50.0

    """
    return FunctionScore(function, name or getattr(function, "__name__", "score"), unit, higher_is_better, binary)


def _tensor(value: Any, name: str) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().double()
    if isinstance(value, bool | int | float | np.ndarray | np.generic | list | tuple):
        return torch.as_tensor(np.asarray(value, dtype=np.float64))
    msg = f"The score {name} returned a {type(value).__name__}; it takes one number per example, as a tensor."
    raise TaskError(msg)


def _one(thing: Any, i: int) -> Any:
    """Example `i` as a batch of one, through any nesting."""
    if isinstance(thing, torch.Tensor | np.ndarray):
        return thing[i : i + 1]
    if isinstance(thing, dict):
        return {key: _one(value, i) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return type(thing)(_one(value, i) for value in thing)
    return thing
