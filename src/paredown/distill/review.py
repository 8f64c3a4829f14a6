"""Knowledge review."""

import dataclasses
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from paredown.distill.original import Original, Teacher
from paredown.distill.pairs import Pair, Pairs, paths
from paredown.errors import RecipeError
from paredown.recipe.ingredient import Hook, Ingredient, Step, TrainContext
from paredown.recipe.randomness import isolated
from paredown.recipe.settings import at_least_zero, require, several, whole

__all__ = ["ReviewKD"]


@dataclasses.dataclass(frozen=True)
class ReviewKD(Ingredient):
    """Every stage of the teacher is learned from this stage of the student and all deeper ones (arXiv:2104.09044).

    Chen, Liu, Zhao & Jia 2021. From the deepest tap up, a student's picture is fused with what came from below by
    learned attention over places, and compared with the teacher's of that stage: mean squared difference at full size
    and, with halving weights, averaged down to 4, 2 and 1 places a side, divided by the sum of weights. Stages are
    added up.

    Attributes:
        at: taps of the student, ``[n, channels, height, width]``, from shallow to deep.
        to: as many of the teacher; None for the same paths.
        teacher: see `Teacher`.
        weight: of the whole, 0 or more.
        width: channels in which stages are fused, at most; 1 or more.

    """

    taught: ClassVar[bool] = True
    at: str | tuple[str, ...] = ("",)
    to: str | tuple[str, ...] | None = None
    teacher: Teacher = dataclasses.field(default_factory=Original)
    weight: float = 1.0
    width: int = 512

    def __post_init__(self) -> None:
        several(self, *("at",) if self.to is None else ("at", "to"))
        at_least_zero(self, "weight")
        whole(self, "width")
        require(len, self, "at", "one tap or more", "Write `distill.ReviewKD(at='layer*')`.")

    def start(self, context: TrainContext) -> Hook:
        """Tap student and teacher, and make what fuses the stages.

        Raises:
            RecipeError: a tap does not exist, or is no picture.

        """
        at = paths(self.at)
        pairs = Pairs(self, at, at if self.to is None else paths(self.to), self.teacher, context)
        found = list(pairs(context.probe()))
        for pair in found:
            _check(pair)
        width = min(self.width, found[-1].student.shape[1])
        with isolated(context.seed):
            stages = [
                _Stage(pair.student.shape[1], width, pair.teacher.shape[1], fuses=pair is not found[-1])
                for pair in found
            ]
        return _ReviewHook(pairs, nn.ModuleList(stages).to(context.device), self.weight)


def _check(pair: Pair) -> None:
    for whose, path, value in (("student", pair.at, pair.student), ("teacher", pair.to, pair.teacher)):
        if value.ndim != 4:
            msg = (
                f"distill.ReviewKD fuses pictures, [n, channels, height, width], and {path!r} of the {whose} gives "
                f"{list(value.shape)} for two examples. Tap the stages of a convolutional network, from shallow to "
                'deep: `distill.ReviewKD(at=("layer1", "layer2", "layer3"))`.'
            )
            raise RecipeError(msg)


class _Stage(nn.Module):
    """One stage of the student, fused with what comes from below."""

    def __init__(self, inside: int, width: int, outside: int, *, fuses: bool) -> None:
        super().__init__()
        self.enter = nn.Sequential(nn.Conv2d(inside, width, 1, bias=False), nn.BatchNorm2d(width))
        self.leave = nn.Sequential(nn.Conv2d(width, outside, 3, padding=1, bias=False), nn.BatchNorm2d(outside))
        self.attend = nn.Sequential(nn.Conv2d(2 * width, 2, 1), nn.Sigmoid()) if fuses else None

    def forward(
        self, x: torch.Tensor, below: torch.Tensor | None, size: torch.Size
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The picture to compare, and what goes further up."""
        x = self.enter(x)
        if self.attend is not None and below is not None:
            below = functional.interpolate(below, x.shape[2:])
            shares = self.attend(torch.cat([x, below], 1))
            x = x * shares[:, :1] + below * shares[:, 1:]
        if x.shape[2:] != size:
            x = functional.interpolate(x, size)
        return self.leave(x), x


class _ReviewHook(Hook):
    def __init__(self, pairs: Pairs, stages: nn.ModuleList, weight: float) -> None:
        self._pairs = pairs
        self._stages = stages
        self._weight = weight

    def trained(self) -> tuple[nn.Module, ...]:
        return (self._stages,)

    def term(self, step: Step) -> torch.Tensor:
        below, losses = None, []
        for stage, pair in reversed(list(zip(self._stages, self._pairs(step), strict=True))):
            restored, below = stage(pair.student, below, pair.teacher.shape[2:])
            losses.append(hierarchical(restored, pair.teacher))
        return self._weight * torch.stack(losses).sum()


def hierarchical(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Mean squared difference at full size and at 4, 2 and 1 places a side; each weighs half as much as the last."""
    losses, weights = [functional.mse_loss(student, teacher)], [1.0]
    for side in (4, 2, 1):
        if side < teacher.shape[2]:
            s, t = (functional.adaptive_avg_pool2d(value, side) for value in (student, teacher))
            weights.append(weights[-1] / 2)
            losses.append(weights[-1] * functional.mse_loss(s, t))
    return torch.stack(losses).sum() / sum(weights)
