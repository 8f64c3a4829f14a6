"""Values of the student beside those of its teacher."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from paredown.distill.agree import dimension
from paredown.distill.lesson import Lesson
from paredown.distill.original import Teacher
from paredown.distill.teaching import teach
from paredown.errors import RecipeError
from paredown.recipe.ingredient import Probe, Step, TrainContext, label

__all__ = ["Pair", "Pairs", "paths"]


@dataclasses.dataclass(frozen=True)
class Pair:
    """One value of the student and one of the teacher, ``[n, channels, *places]``, and where they are from."""

    student: torch.Tensor
    teacher: torch.Tensor
    at: str
    to: str


class Pairs:
    """Taps of a student and of a teacher, in pairs.

    Args:
        settings: the ingredient that asks, for messages.
        at: patterns of the student's taps; the empty one means its outputs, and ``a+b`` the values of a and of b with
            their channels side by side.
        to: those of the teacher's.
        teacher: see `Teacher`.
        context: of the training.
        axis: dimension of the values that holds the channels; None: the second, or the last of three.
        mask: name of the input that is 0 at places that pad; the values are 0 there.

    Raises:
        RecipeError: a tap does not exist, or the patterns do not mean as many values on both sides.

    """

    def __init__(  # noqa: PLR0913, PLR0917 (what a pair is)
        self,
        settings: object,
        at: tuple[str, ...],
        to: tuple[str, ...],
        teacher: Teacher,
        context: TrainContext,
        axis: int | None = None,
        mask: str | None = None,
    ) -> None:
        self._who = label(settings)
        self._axis = axis
        self._mask = mask
        self._teaching = teach(teacher, context)
        self._at = [path for pattern in at for path in _expanded(pattern, context.tap)]
        self._to = [path for pattern in to for path in _expanded(pattern, self._teaching.tap)]
        if len(self._at) != len(self._to):
            msg = (
                f"{self._who} was given {len(self._at)} taps of the student, {_listed(self._at)}, and {len(self._to)} "
                f"of the teacher, {_listed(self._to)}. They are compared in pairs: give as many `to=` as `at=`."
            )
            raise RecipeError(msg)

    def __call__(self, seen: Step | Probe) -> Iterator[Pair]:
        """The pairs of a batch, in the order of the taps."""
        lesson = self._teaching.see(seen.inputs)
        for at, to in zip(self._at, self._to, strict=True):
            student, teacher = self._value(seen, at), self._value(lesson, to)
            if self._mask is not None:
                student, teacher = (self._masked(v, p, seen.inputs) for v, p in ((student, at), (teacher, to)))
            yield Pair(student, teacher, at, to)

    def _masked(self, value: torch.Tensor, path: str, inputs: Any) -> torch.Tensor:
        mask: torch.Tensor | None = inputs.get(self._mask) if isinstance(inputs, Mapping) else None
        if mask is None:
            given = ", ".join(map(repr, inputs)) if isinstance(inputs, Mapping) else "no names"
            msg = (
                f"{self._who}(mask={self._mask!r}) was given, and the inputs of this task have {given}. It is the name of "
                "the input that is 0 where tokens pad. Give inputs by name, or leave mask out."
            )
            raise RecipeError(msg)
        if mask.shape != (value.shape[0], *value.shape[2:]):
            msg = (
                f"{self._who}(mask={self._mask!r}) was given, of shape {list(mask.shape)}, and the tap {path!r} has "
                f"places {list(value.shape[2:])}. A mask has one number for every example and place. Leave mask out."
            )
            raise RecipeError(msg)
        return value * mask[:, None].to(value)

    def _value(self, seen: Step | Probe | Lesson, path: str) -> torch.Tensor:
        if not path:
            return self._channels_second(seen.outputs, path)
        values = [self._channels_second(seen.taps[part], part) for part in path.split("+")]
        if len({value.shape[2:] for value in values}) > 1:
            shapes = ", ".join(str(list(value.shape[2:])) for value in values)
            msg = (
                f"{self._who} was given the taps {path!r} to join, and they have places {shapes}. Channels can be put side "
                "by side where places are the same. Give the taps one by one: `at=(first, second)`."
            )
            raise RecipeError(msg)
        return torch.cat(values, 1)

    def _channels_second(self, value: object, path: str) -> torch.Tensor:
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            what = f"{value.dtype} {list(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
            msg = (
                f"{self._who} was given the tap {path!r}, whose value is {what}. Only single tensors of real numbers "
                "can be compared. Tap a module in front of it or inside of it."
            )
            raise RecipeError(msg)
        if value.ndim == 1:
            value = value[:, None]
        axis = self._axis if self._axis is not None else 2 if value.ndim == 3 else 1
        if not dimension(axis, value):
            msg = (
                f"{self._who}(axis={axis!r}) was given, and the tap {path!r} has the shape {list(value.shape)}, whose "
                "first dimension is the batch. Leave axis out for the second dimension, or the last of three."
            )
            raise RecipeError(msg)
        return value.float().movedim(axis, 1)


def paths(patterns: str | tuple[str, ...]) -> tuple[str, ...]:
    """One pattern or several, as a tuple."""
    return (patterns,) if isinstance(patterns, str) else tuple(patterns)


def _expanded(pattern: str, tap: Callable[[str], tuple[str, ...]]) -> list[str]:
    """Paths that a pattern means; those of ``a+b`` go together in order."""
    if not pattern:
        return [""]
    found = [tap(part) for part in pattern.split("+")]
    if len({len(part) for part in found}) > 1:
        each = ", ".join(f"{part!r}: {len(paths)}" for part, paths in zip(pattern.split("+"), found, strict=True))
        msg = f"The taps {pattern!r} are to be joined, and do not mean as many values each ({each}). Name them one by one."
        raise RecipeError(msg)
    return ["+".join(parts) for parts in zip(*found, strict=True)]


def _listed(found: list[str]) -> str:
    return ", ".join(repr(path) for path in found[:8]) + (" …" if len(found) > 8 else "")
