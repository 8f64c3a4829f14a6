"""Teachers."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Union

from torch import nn

from paredown.errors import RecipeError
from paredown.recipe.order import RecipeStep, check
from paredown.recipe.settings import require
from paredown.recipe.title import title

__all__ = ["Assistant", "Cached", "Ensemble", "Original", "Teacher"]


@dataclasses.dataclass(frozen=True)
class Original:
    """The network the run began with, as it was before any step."""


@dataclasses.dataclass(frozen=True)
class Ensemble:
    """Several teachers whose outputs are averaged: of logits, this is the geometric mean of their probabilities.

    Attributes:
        teachers: two or more.
        weights: share of each, above 0; they are divided by their sum. Empty for equal shares.

    """

    teachers: tuple["Teacher", ...]
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        given: object = self.teachers
        if not isinstance(given, (tuple, list)):
            msg = (
                f"distill.Ensemble was given {title(given)}. It takes several teachers in a tuple. "
                "Write `distill.Ensemble((first, second))`."
            )
            raise RecipeError(msg)
        listed = "a tuple of finite numbers above 0"
        instead = "Leave weights out for equal shares, and a teacher out rather than give it nothing."
        require(lambda found: all(0 < weight < math.inf for weight in found), self, "weights", listed, instead)
        object.__setattr__(self, "teachers", tuple(self.teachers))
        object.__setattr__(self, "weights", tuple(self.weights))
        if len(self.teachers) < 2:
            msg = (
                f"distill.Ensemble was given {len(self.teachers)} teacher(s). An ensemble has two or more. "
                "Write `teacher=distill.Original()` for one, or `distill.Ensemble((first, second))`."
            )
            raise RecipeError(msg)
        if self.weights and len(self.weights) != len(self.teachers):
            msg = (
                f"distill.Ensemble was given {len(self.teachers)} teachers and {len(self.weights)} weights. "
                "Give one weight for each, or leave weights out for equal shares."
            )
            raise RecipeError(msg)

    @property
    def shares(self) -> tuple[float, ...]:
        """Weights that add up to 1."""
        weights = self.weights or (1.0,) * len(self.teachers)
        return tuple(weight / sum(weights) for weight in weights)


@dataclasses.dataclass(frozen=True)
class Cached:
    """A teacher whose outputs for the training data are computed once and kept on disk, for it and these data.

    An example is looked up by the content of its inputs, so a batch that an augmentation, Mixup or a random transform of
    the dataset has changed is not found, and the teacher runs on it as ever. What is kept was computed in the order of
    the data, whatever the training's: a training gives the same weights whether the file was there or not. The outputs
    of all examples are held in memory.

    Attributes:
        folder: where the file lies; it is named by teacher, data, device and precision.
        teacher: the original, a `Network`, a function that returns one, or an `Ensemble` of these.

    """

    folder: str
    teacher: "Teacher" = dataclasses.field(default_factory=Original)

    def __post_init__(self) -> None:
        if not isinstance(self.folder, str) or not self.folder:
            msg = (
                f"distill.Cached(folder={self.folder!r}) was given. It is the path of a folder, as text. "
                "Write `distill.Cached('teachers')`."
            )
            raise RecipeError(msg)


@dataclasses.dataclass(frozen=True)
class Assistant:
    """A network of a size between teacher and student, taught by the one to teach the other (arXiv:1902.03393).

    Mirzadeh et al. 2020. It is made by a recipe of its own before the training in which it teaches begins; in that recipe
    `Original` is the original too. Chains are assistants inside of an assistant's trainings; densely guided teaching
    (Son et al. 2021, arXiv:2009.08825) is ``Ensemble((Original(), Assistant(...)))``.

    Example: ``distill.Assistant((prune.Channels(keep=0.7), Train(epochs=3, using=[distill.Logits()])))``.

    An assistant that can be stored is made once for all trainings on the same evidence; its seeds are those of its own
    trainings. Where the training has a deadline, the assistant's trainings get their share of the time, by epochs.

    Attributes:
        steps: what is done to `begin`: transforms and trainings, one or more.
        begin: what the steps start from; the original, a `Network`, any module, or a function that returns one, for a
            network of another architecture.

    """

    steps: Sequence[RecipeStep]
    begin: "Teacher" = dataclasses.field(default_factory=Original)

    def __post_init__(self) -> None:
        steps: object = self.steps
        object.__setattr__(self, "steps", tuple(self.steps) if isinstance(steps, (tuple, list)) else (steps,))
        if not self.steps:
            msg = (
                "distill.Assistant was given no steps. An assistant is made by a recipe. Write "
                "`distill.Assistant((prune.Channels(keep=0.7), Train(epochs=3, using=[distill.Logits()])))`."
            )
            raise RecipeError(msg)
        check(self.steps)


Teacher = Union[Original, Ensemble, Cached, Assistant, nn.Module, Callable[[], nn.Module]]  # noqa: UP007 (it names itself)
"""The original, an ensemble, a cached teacher, an assistant, a `Network`, any module that takes the same inputs, or a function that returns one.

A run directory can only hold the original and functions at the top level of a module: those are found again later.
"""
