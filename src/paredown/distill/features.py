"""Distillation from values inside a teacher."""

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from paredown.distill.feature_loss import FeatureLoss, LearnedFeatureLoss
from paredown.distill.fitnets import FitNets
from paredown.distill.original import Original, Teacher
from paredown.distill.pairs import Pair, Pairs, paths
from paredown.distill.projector import Projector
from paredown.errors import RecipeError
from paredown.recipe.ingredient import Hook, Ingredient, Step, TrainContext, label
from paredown.recipe.randomness import isolated
from paredown.recipe.settings import at_least_zero, flags, several

__all__ = ["Features"]

_POOLS: dict[int, Callable[..., torch.Tensor]] = {
    1: functional.adaptive_avg_pool1d,
    2: functional.adaptive_avg_pool2d,
    3: functional.adaptive_avg_pool3d,
}


@dataclasses.dataclass(frozen=True)
class Features(Ingredient):
    """Match values inside the teacher: adds ``weight * sum over pairs of L(student value, teacher value)``.

    Values are tapped by module path (``layer3``), glob (``layer*``; ``*`` stays within one part of a path) or node
    name, and compared in pairs, in order. The empty path is the outputs, for embeddings and dense outputs; ``a+b`` joins
    the channels of two values. Where the loss goes channel by channel and the widths differ, a linear map of the
    student's channels is learned along (Romero et al. 2015, arXiv:1412.6550) and dropped at the end; where it goes place
    by place, the finer value is averaged down to the coarser.

    Example: ``distill.Features(at="layer*", loss=distill.AT())``, usually together with `Logits`.

    Attributes:
        at: one or several taps of the student.
        loss: what is compared: `FitNets`, `AT`, `RKD`, `SP`, …
        to: one or several taps of the teacher; None for the same paths as the student's.
        teacher: see `Teacher`; an `Ensemble` has outputs only.
        weight: of the whole, 0 or more; None for the one usual with this loss.
        project: whether a map may be learned where widths differ.
        axis: dimension of the values that holds the channels; None: the second, or the last of three (tokens).
        mask: name of the input that is 0 where tokens pad (``attention_mask``); values are 0 there on both sides.

    """

    taught: ClassVar[bool] = True
    at: str | tuple[str, ...] = ("",)
    loss: FeatureLoss | LearnedFeatureLoss = dataclasses.field(default_factory=FitNets)
    to: str | tuple[str, ...] | None = None
    teacher: Teacher = dataclasses.field(default_factory=Original)
    weight: float | None = None
    project: bool = True
    axis: int | None = None
    mask: str | None = None

    def __post_init__(self) -> None:
        several(self, *("at",) if self.to is None else ("at", "to"))
        flags(self, "project")
        if self.weight is not None:
            at_least_zero(self, "weight")
        if not self.at or self.to == ():
            msg = (
                "distill.Features was given no taps. Write the path of a module, `distill.Features(at='layer3')`, "
                "or leave at out for the outputs."
            )
            raise RecipeError(msg)
        loss: object = self.loss
        if not isinstance(loss, (FeatureLoss, LearnedFeatureLoss)):
            msg = (
                f"distill.Features(loss={loss!r}) was given. It is a comparison of values inside. "
                "Write `distill.Features(loss=distill.AT())`; what compares outputs goes into `distill.Outputs`."
            )
            raise RecipeError(msg)

    def start(self, context: TrainContext) -> Hook:
        """Tap student and teacher, and make the maps between widths.

        Raises:
            RecipeError: a tap does not exist (the nearest are listed), there are not as many on both sides, or two
                values cannot be compared.

        """
        at = paths(self.at)
        pairs = Pairs(self, at, at if self.to is None else paths(self.to), self.teacher, context, self.axis, self.mask)
        found = list(pairs(context.probe()))
        with isolated(context.seed), torch.no_grad():
            matches = nn.ModuleList([_match(self, pair) for pair in found]).to(context.device)
            for match, pair in zip(matches, found, strict=True):
                match(pair.student, pair.teacher)  # a loss may refuse the shapes
        return _FeaturesHook(pairs, matches, self.loss.usual if self.weight is None else self.weight)


class _FeaturesHook(Hook):
    def __init__(self, pairs: Pairs, matches: nn.ModuleList, weight: float) -> None:
        self._pairs = pairs
        self._matches = matches
        self._weight = weight

    def trained(self) -> tuple[nn.Module, ...]:
        return (self._matches,)

    def term(self, step: Step) -> torch.Tensor:
        compared = zip(self._matches, self._pairs(step), strict=True)
        return self._weight * torch.stack([match(pair.student, pair.teacher) for match, pair in compared]).sum()


class _Match(nn.Module):
    """Makes two values fit one another and compares them."""

    def __init__(
        self, projector: nn.Module, compare: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], *, pool: bool
    ) -> None:
        super().__init__()
        self.projector = projector
        self.compare = compare
        self.pool = pool

    def forward(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        if self.pool and student.shape[2:] != teacher.shape[2:]:
            size = _coarser(student, teacher)
            student, teacher = _POOLS[len(size)](student, size), _POOLS[len(size)](teacher, size)
        return self.compare(self.projector(student), teacher)


def _coarser(student: torch.Tensor, teacher: torch.Tensor) -> tuple[int, ...]:
    """In every dimension, as many places as the value with fewer of them has."""
    return tuple(map(min, student.shape[2:], teacher.shape[2:]))


def _match(settings: Features, pair: Pair) -> _Match:
    loss = settings.loss
    _check_places(pair, loss)
    student, teacher = pair.student.shape, pair.teacher.shape
    projector: nn.Module = nn.Identity()
    if loss.same_channels and student[1] != teacher[1]:
        if not settings.project:
            msg = (
                f"distill.Features(project=False) was given, and {pair.at!r} of the student has {student[1]} channels, "
                f"{pair.to!r} of the teacher {teacher[1]}. {label(loss)} goes channel by channel. Leave project out, "
                "or use a loss for which widths may differ, for example `distill.AT()` or `distill.RKD()`."
            )
            raise RecipeError(msg)
        projector = Projector(student[1], teacher[1])
        student = torch.Size((student[0], teacher[1], *student[2:]))
    compare = loss if isinstance(loss, FeatureLoss) else loss.build(student, teacher)
    return _Match(projector, compare, pool=loss.same_places)


def _check_places(pair: Pair, loss: FeatureLoss | LearnedFeatureLoss) -> None:
    student, teacher = pair.student.shape[2:], pair.teacher.shape[2:]
    if loss.needs_places and not (student and teacher):
        msg = (
            f"{label(loss)} looks at places, and {pair.at!r} of the student gives {list(pair.student.shape)} for two "
            f"examples, {pair.to!r} of the teacher {list(pair.teacher.shape)}. Tap a value before the places are "
            "averaged away, or use a loss for vectors, for example `distill.FitNets()`."
        )
        raise RecipeError(msg)
    if loss.same_places and (len(student) != len(teacher) or (student != teacher and len(student) not in _POOLS)):
        msg = (
            f"{label(loss)} goes place by place, and {pair.at!r} of the student has places {list(student)}, "
            f"{pair.to!r} of the teacher {list(teacher)}. Tap values of the same kind, or use a loss that compares "
            "examples with one another, for example `distill.RKD()` or `distill.SP()`."
        )
        raise RecipeError(msg)
