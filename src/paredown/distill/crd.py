"""Contrastive representation distillation."""

import dataclasses
import math
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from paredown.distill.original import Original, Teacher
from paredown.distill.pairs import Pairs
from paredown.errors import RecipeError
from paredown.recipe.ingredient import Hook, Ingredient, Step, TrainContext
from paredown.recipe.randomness import isolated
from paredown.recipe.settings import above_zero, at_least_zero, require, whole

__all__ = ["CRD"]


@dataclasses.dataclass(frozen=True)
class CRD(Ingredient):
    """The student's value tells its own example's from others' (Tian, Krishnan & Isola 2020, arXiv:1910.10699).

    Both values, averaged over places, are mapped to unit vectors of `size` by learned linear maps. A memory holds one
    vector per training example for either side. With the similarity ``e = exp(s · t / temperature)`` of a vector to one
    in the other side's memory and ``h = e / (e + negatives * z)``, z the mean of e in the first batch, the loss is
    ``-log h`` of the example itself minus the sum of ``log(1 - h)`` over random others; student against the teacher's
    memory plus teacher against the student's. Others are drawn once per batch, whatever their class.

    Attributes:
        at: tap of the student, usually what goes into its last layer.
        to: tap of the teacher; None for the same path.
        teacher: see `Teacher`.
        weight: of the whole, 0 or more.
        size: of the vectors compared, 1 or more.
        negatives: others per batch, 1 or more; the paper draws 16384 for every example.
        temperature: above 0.
        momentum: share of a memory's old vector that stays when its example comes by, from 0 to below 1.
        axis: dimension of the values that holds the channels; see `Features`.

    """

    taught: ClassVar[bool] = True
    at: str = ""
    to: str | None = None
    teacher: Teacher = dataclasses.field(default_factory=Original)
    weight: float = 0.8
    size: int = 128
    negatives: int = 4096
    temperature: float = 0.07
    momentum: float = 0.5
    axis: int | None = None

    def __post_init__(self) -> None:
        require(lambda at: isinstance(at, str), self, "at", "the path of a module, or '' for the outputs")
        above_zero(self, "temperature")
        whole(self, "size", "negatives")
        at_least_zero(self, "weight")
        require(lambda momentum: 0 <= momentum < 1, self, "momentum", "a share that is kept, from 0 to below 1")

    def start(self, context: TrainContext) -> Hook:
        """Tap student and teacher, and fill the memories with random vectors.

        Raises:
            RecipeError: a tap does not exist, or means several values.

        """
        pairs = Pairs(self, (self.at,), (self.at if self.to is None else self.to,), self.teacher, context, self.axis)
        found = list(pairs(context.probe()))
        if len(found) > 1:
            msg = (
                f"distill.CRD(at={self.at!r}) means {len(found)} values: {', '.join(repr(pair.at) for pair in found)}. "
                "It compares one. Name it."
            )
            raise RecipeError(msg)
        with isolated(context.seed):
            sides = [
                _Side(value.shape[1], len(context.evidence.work.train), self).to(context.device)
                for value in (found[0].student, found[0].teacher)
            ]
        return _ContrastHook(self, pairs, sides, torch.Generator().manual_seed(context.seed))


class _Side(nn.Module):
    """Map and memory of the student or of the teacher."""

    memory: torch.Tensor

    def __init__(self, channels: int, examples: int, settings: CRD) -> None:
        super().__init__()
        self.embed = nn.Linear(channels, settings.size)
        self.register_buffer("memory", functional.normalize(torch.randn(examples, settings.size), dim=1))
        self.settings = settings
        self.scale: torch.Tensor | None = None

    def vectors(self, value: torch.Tensor) -> torch.Tensor:
        return functional.normalize(self.embed(value.flatten(2).mean(2) if value.ndim > 2 else value), dim=1)

    def contrast(self, vectors: torch.Tensor, own: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        """Loss of the other side's vectors against this memory."""
        same = (vectors * self.memory[own]).sum(1) / self.settings.temperature
        apart = vectors @ self.memory[others].T / self.settings.temperature
        if self.scale is None:
            first = torch.cat([same[:, None], apart], 1).detach().flatten()
            self.scale = first.logsumexp(0) - math.log(len(first))
        offset = self.scale + math.log(len(others))
        itself = (others[None] == own[:, None]).to(apart.dtype)
        losses = functional.softplus(apart - offset) * (1.0 - itself)
        return (functional.softplus(offset - same) + losses.sum(1)).mean()

    @torch.no_grad()
    def remember(self, vectors: torch.Tensor, own: torch.Tensor) -> None:
        self.memory[own] = functional.normalize(torch.lerp(vectors, self.memory[own], self.settings.momentum), dim=1)


class _ContrastHook(Hook):
    def __init__(self, settings: CRD, pairs: Pairs, sides: list[_Side], generator: torch.Generator) -> None:
        self._settings = settings
        self._pairs = pairs
        self._student, self._teacher = sides
        self._generator = generator
        self._step = -1
        self._others = torch.empty(0, dtype=torch.long)

    def trained(self) -> tuple[nn.Module, ...]:
        return (self._student.embed, self._teacher.embed)

    def term(self, step: Step) -> torch.Tensor:
        (pair,) = self._pairs(step)
        own = step.examples.to(pair.student.device)
        again, self._step = step.number == self._step, step.number
        if not again:
            drawn = torch.randint(len(self._student.memory), (self._settings.negatives,), generator=self._generator)
            self._others = drawn.to(own.device)
        student, teacher = self._student.vectors(pair.student), self._teacher.vectors(pair.teacher)
        loss = self._teacher.contrast(student, own, self._others) + self._student.contrast(teacher, own, self._others)
        if not again:
            self._student.remember(student, own)
            self._teacher.remember(teacher, own)
        return self._settings.weight * loss
