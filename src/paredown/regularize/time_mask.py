"""Stretches of series that are not shown."""

import dataclasses
import operator
from collections.abc import Iterable
from typing import Any

import torch

from paredown.errors import RecipeError
from paredown.graph.structure import flatten
from paredown.recipe import batch as nesting
from paredown.recipe.ingredient import Hook, Ingredient, Targets, TrainContext
from paredown.recipe.settings import require, share, whole

__all__ = ["Masking", "TimeMask", "series"]


@dataclasses.dataclass(frozen=True)
class TimeMask(Ingredient):
    """Set stretches of time to 0 (the time masking of Park et al. 2019, arXiv:1904.08779, section 2).

    Every example gets stretches of its own; their length is uniform between none and `share` of the series. All
    channels are silent together. Inputs should have mean 0, so that 0 says nothing.

    Attributes:
        share: longest stretch as a share of the series, above 0, below 1.
        count: stretches per example, which may overlap.
        axis: dimension of time: -1 for ``[n, channels, time]``, 1 for ``[n, time, channels]``.

    """

    share: float = 0.2
    count: int = 1
    axis: int = -1

    def __post_init__(self) -> None:
        share(self, "share", what="a share of the series, above 0 and below 1")
        whole(self, "count")
        require(lambda axis: operator.index(axis) != 0, self, "axis", "the dimension of time; 0 is the batch")

    def start(self, context: TrainContext) -> Hook:
        """Look at the inputs.

        Raises:
            RecipeError: they hold no series, or have no such dimension.

        """
        series(context, "regularize.TimeMask", (self.axis,))
        return Masking(((self.axis, self.share),), self.count)


class Masking(Hook):
    """Sets stretches along some axes to 0 in every real input of three or more dimensions."""

    def __init__(self, axes: Iterable[tuple[int, float]], count: int) -> None:
        self._axes = tuple(axes)
        self._count = count

    def batch(self, inputs: Any, targets: Targets, generator: torch.Generator) -> tuple[Any, Targets]:
        """Silence stretches of every example."""

        def silence(values: torch.Tensor) -> torch.Tensor:
            if not _is_series(values):
                return values
            for axis, part in self._axes:
                for _ in range(self._count):
                    hidden = _stretches(len(values), values.shape[axis], part, generator)
                    shape = [len(values), *(1,) * (values.ndim - 1)]
                    shape[axis] = values.shape[axis]
                    values = values.masked_fill(hidden.reshape(shape), 0.0)
            return values

        return nesting.each(silence, inputs), targets


def _stretches(n: int, length: int, share: float, generator: torch.Generator) -> torch.Tensor:
    size = torch.randint(0, int(share * length) + 1, (n, 1), generator=generator)
    first = (torch.rand((n, 1), generator=generator) * (length - size + 1)).long()
    place = torch.arange(length)
    return (place >= first) & (place < first + size)


def _is_series(tensor: torch.Tensor) -> bool:
    return tensor.ndim >= 3 and tensor.dtype.is_floating_point


def series(context: TrainContext, who: str, axes: Iterable[int]) -> None:
    """Refuse inputs without the dimensions that are to be masked.

    Raises:
        RecipeError: no real input has three dimensions, or one has no such axis.

    """
    tensors = flatten(context.probe().inputs)[0]
    found = [tensor for tensor in tensors if _is_series(tensor)]
    if not found:
        shapes = ", ".join(f"{t.dtype} {list(t.shape)}".removeprefix("torch.") for t in tensors)
        msg = (
            f"{who} silences stretches of series, and no input of this task is one (real numbers, "
            f"[n, channels, time]): there is {shapes} for two examples. Leave it out of `using`."
        )
        raise RecipeError(msg)
    for tensor in found:
        for axis in axes:
            if axis % tensor.ndim == 0 or not -tensor.ndim <= axis < tensor.ndim:
                msg = (
                    f"{who} was told to look along axis {axis}, and an input has the shape {list(tensor.shape)}, the "
                    f"batch first. Give an axis between 1 and {tensor.ndim - 1}."
                )
                raise RecipeError(msg)
