"""What one task of the benchmark is made of."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import nn

import paredown
from paredown.distill import Teacher
from paredown.recipe import Ingredient, Train

__all__ = ["Case"]

Using = tuple[Ingredient, ...]


@dataclasses.dataclass(frozen=True)
class Case:
    """A task, a student for it, and what is tried.

    Attributes:
        title: for people.
        task: makes the task from the data folder; its model is the teacher, or fresh where `teaching` trains it.
        student: makes a fresh student of about a quarter of the teacher's multiply-accumulates.
        train: of every arm, without ingredients.
        regularizers: what is tried on `select`, by name; the best one is the arm.
        distillations: likewise, made for the data folder and a teacher whose outputs are kept; what looks inside of it
            takes the original itself.
        teaching: training of the teacher, where the task's model is not trained yet, or where there are several.
        teachers: so many are trained, with seeds of their own, and teach together.

    """

    title: str
    task: Callable[[Path], paredown.Task]
    student: Callable[[], nn.Module]
    train: Train
    regularizers: Mapping[str, Using]
    distillations: Callable[[Teacher, Path, paredown.Task], Mapping[str, Using]]
    teaching: Train | None = None
    teachers: int = 1
