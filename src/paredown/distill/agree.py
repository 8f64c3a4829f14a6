"""Whether the outputs of student and teacher can be compared."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch

from paredown.errors import ParedownError, RecipeError
from paredown.graph.structure import flatten
from paredown.recipe.classes import class_axis
from paredown.recipe.ingredient import Probe

__all__ = ["check_axis", "check_outputs", "dimension", "first_run", "found_axis"]

_Gives = TypeVar("_Gives")


def first_run(run: Callable[[], _Gives], who: str, inputs: Any, precision: str) -> _Gives:
    """What a network of the user's gives when it runs for the first time.

    Args:
        run: runs it.
        who: what it is, for the message: ``the teacher, ResNet,``.
        inputs: on which.
        precision: of the training.

    Raises:
        RecipeError: it raises something that is not of Paredown's own.

    """
    try:
        return run()
    except ParedownError:
        raise
    except Exception as error:
        shapes = ", ".join(f"{t.dtype} {list(t.shape)}".removeprefix("torch.") for t in flatten(inputs)[0])
        reason = str(error).strip().splitlines()[:1]
        other = "" if precision == "32-true" else f' Or leave out precision="{precision}", if it is that.'
        msg = (
            f"{who[:1].upper()}{who[1:]} cannot be run on this task's inputs, {shapes} for two examples "
            f"({type(error).__name__}: {''.join(reason)[:200]}). It has to take what the student takes, in float32. "
            f"Put it into a module that brings inputs into its form, or use `distill.Original()`.{other}"
        )
        raise RecipeError(msg) from error


def check_outputs(student: Any, teacher: Any, who: str, setting: str = "teacher") -> None:
    """Refuse outputs that are no tensors of one shape.

    Args:
        student: its outputs for a small batch.
        teacher: its outputs for the same.
        who: the ingredient that asks, for the message.
        setting: what names the teacher there.

    Raises:
        RecipeError: one is no single tensor, or their shapes differ.

    """
    for whose, outputs in (("student", student), (setting, teacher)):
        if not isinstance(outputs, torch.Tensor):
            leaves = len(flatten(outputs)[0])
            msg = (
                f"{who} compares one tensor, and the {whose} gives {type(outputs).__name__} of {leaves} tensors. "
                "Say which of them holds the logits: `Task(..., logits='logits')`."
            )
            raise RecipeError(msg)
    if student.shape != teacher.shape:
        msg = (
            f"For two examples the {setting} gives {list(teacher.shape)} and the student {list(student.shape)}. "
            f"Their outputs have to mean the same, class by class. Use a {setting} that was made for this task, "
            f"for example `{who}({setting}=distill.Original())`."
        )
        raise RecipeError(msg)


def found_axis(probe: Probe, axis: int | None, who: str) -> int | None:
    """The dimension of the student's outputs that holds the classes: as given, or as the targets say; None without such.

    Raises:
        RecipeError: it is the batch, or none of the outputs'.

    """
    found = class_axis(probe.outputs, probe.target) if axis is None else axis
    check_axis(probe.outputs, found, who)
    return found


def dimension(axis: Any, value: torch.Tensor) -> bool:
    """Whether this is a dimension of a value, and not that of the batch."""
    return isinstance(axis, int) and (0 < axis < value.ndim or -value.ndim < axis < 0)


def check_axis(outputs: torch.Tensor, axis: int | None, who: str) -> None:
    """Refuse an axis that is the batch, none of the outputs', or of a single number.

    Raises:
        RecipeError: it is.

    """
    if axis is not None and not dimension(axis, outputs):
        msg = (
            f"{who}(axis={axis!r}) was given for outputs of shape {list(outputs.shape)}, whose first dimension is the "
            "batch. Leave axis out to have it found from the targets."
        )
        raise RecipeError(msg)
    if axis is not None and outputs.shape[axis] == 1:
        msg = (
            f"{who}(axis={axis!r}) was given for outputs of shape {list(outputs.shape)}: one number along it is no choice "
            "among classes. Leave axis out to compare the numbers themselves."
        )
        raise RecipeError(msg)
