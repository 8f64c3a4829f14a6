"""Random operations on pictures, without anything to tune and with little."""

import dataclasses
from typing import Any

import torch

from paredown.errors import RecipeError
from paredown.graph.structure import flatten
from paredown.recipe.ingredient import Hook, Ingredient, Targets, TrainContext
from paredown.recipe.settings import require, whole
from paredown.regularize import images
from paredown.regularize.operations import OPERATIONS, Reach

__all__ = ["RandAugment", "TrivialAugment"]

_LEVELS = 30


@dataclasses.dataclass(frozen=True)
class TrivialAugment(Ingredient):
    """One random operation per picture, as strong as chance will have it (Müller & Hutter 2021, arXiv:2103.10158).

    Out of 14 operations (shears, shifts, rotation, brightness, contrast, colour, sharpness, posterizing, solarizing,
    automatic contrast, equalizing, none) with the ranges of the paper's "wide" space. Black and white are, channel by
    channel, the smallest and largest value in the calibration split, so normalised pictures will do. A rotated or
    mirrored digit may be another one: look at what your classes bear.
    """

    def start(self, context: TrainContext) -> Hook:
        """Look at the inputs and at their range.

        Raises:
            RecipeError: they hold no pictures, or targets have a value for every pixel.

        """
        return _PolicyHook(_ranges(context, "regularize.TrivialAugment"), Reach(0.99, 1.0, 135.0, 0.99, 6), 1, None)


@dataclasses.dataclass(frozen=True)
class RandAugment(Ingredient):
    """Some random operations per picture, all of one strength (Cubuk et al. 2020, arXiv:1909.13719).

    The operations of `TrivialAugment` with the ranges of AutoAugment.

    Attributes:
        count: operations per picture, one after the other; 1 or more.
        magnitude: strength, from 0 to 30.

    """

    count: int = 2
    magnitude: int = 9

    def __post_init__(self) -> None:
        whole(self, "count")
        require(lambda magnitude: 0 <= magnitude <= _LEVELS, self, "magnitude", "a strength from 0 to 30")

    def start(self, context: TrainContext) -> Hook:
        """Look at the inputs and at their range.

        Raises:
            RecipeError: they hold no pictures, or targets have a value for every pixel.

        """
        reach = Reach(0.3, 150 / 331, 30.0, 0.9, 4)
        return _PolicyHook(_ranges(context, "regularize.RandAugment"), reach, self.count, self.magnitude / _LEVELS)


@dataclasses.dataclass(frozen=True)
class _Range:
    """Black and white of one input, ``[c, 1, 1]`` each."""

    low: torch.Tensor
    high: torch.Tensor


class _PolicyHook(Hook):
    def __init__(self, ranges: dict[int, _Range], reach: Reach, count: int, amount: float | None) -> None:
        self._ranges = ranges
        self._reach = reach
        self._count = count
        self._amount = amount

    def batch(self, inputs: Any, targets: Targets, generator: torch.Generator) -> tuple[Any, Targets]:
        tensors, structure = flatten(inputs)
        n = len(tensors[0])
        for _ in range(self._count):
            kinds = torch.randint(len(OPERATIONS), (n,), generator=generator)
            amounts = torch.randint(_LEVELS + 1, (n,), generator=generator) / _LEVELS
            if self._amount is not None:
                amounts = torch.full((n,), self._amount)
            amounts *= 1 - 2 * torch.randint(2, (n,), generator=generator)
            for at, known in self._ranges.items():
                tensors[at] = self._changed(tensors[at], known, kinds, amounts)
        return structure.build(tensors), targets

    def _changed(
        self, pictures: torch.Tensor, known: _Range, kinds: torch.Tensor, amounts: torch.Tensor
    ) -> torch.Tensor:
        out = pictures.clone()
        for kind in sorted(set(kinds[kinds > 0].tolist())):  # the first one does nothing
            rows = (kinds == kind).nonzero().flatten()
            scaled = ((pictures[rows] - known.low) / (known.high - known.low)).clamp(0.0, 1.0)
            changed = OPERATIONS[kind](scaled, amounts[rows].to(scaled.dtype), self._reach)
            out[rows] = known.low + changed * (known.high - known.low)
        return out


def _ranges(context: TrainContext, who: str) -> dict[int, _Range]:
    """Black and white of every input that holds pictures, by its place among the flat inputs.

    Raises:
        RecipeError: there is none, or targets have a value for every pixel.

    """
    images.require(context, who)
    probe = context.probe()
    if images.dense(probe.inputs, probe.target):
        msg = (
            f"{who} moves pixels, and the targets of this task have a value for every pixel, which would have to move "
            "along. Leave it out of `using`; `regularize.Flip()` turns targets along."
        )
        raise RecipeError(msg)
    found: dict[int, _Range] = {}
    for inputs, _ in context.evidence.work.calibrate.batches():
        for at, tensor in enumerate(flatten(inputs)[0]):
            if images.picture(tensor):
                low, high = (extreme((0, 2, 3))[:, None, None] for extreme in (tensor.amin, tensor.amax))
                known = found.get(at, _Range(low, high))
                found[at] = _Range(torch.minimum(known.low, low), torch.maximum(known.high, high))
    return {at: _Range(known.low, torch.maximum(known.high, known.low + 1e-6)) for at, known in found.items()}
