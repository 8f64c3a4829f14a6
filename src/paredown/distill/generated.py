"""Distillation without data: on pictures that a generator learns to make."""

import dataclasses
import math
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional

from paredown.distill.agree import check_axis, check_outputs
from paredown.distill.generator import Generator
from paredown.distill.lesson import Lesson, Teaching
from paredown.distill.logits import softened
from paredown.distill.original import Ensemble, Original, Teacher
from paredown.distill.statistics import Familiar
from paredown.distill.teaching import module_of, teach
from paredown.errors import RecipeError
from paredown.recipe import batch
from paredown.recipe.ingredient import Hook, Ingredient, Step, TrainContext
from paredown.recipe.randomness import derive, isolated
from paredown.recipe.settings import above_zero, at_least_zero, require, whole

__all__ = ["Generated"]


@dataclasses.dataclass(frozen=True)
class Generated(Ingredient):
    """Match the teacher on pictures that are made for it, for tasks whose data may not leave where they are.

    Every step a generator makes a batch out of noise and is trained to make pictures of which the teacher is sure
    (``one_hot``: cross-entropy of its outputs with its own decision), of all classes alike (``balance``: negative entropy
    of the mean probability), which look to its batch norms as its training data did (``familiar``), and about which the
    student is wrong (``adversarial``: minus the divergence). The student then learns ``weight * T² KL(teacher ||
    student)`` on the same batch. The task's own loss counts ``task``: where it is 0 nothing is learnt from examples and
    labels, though the student runs on the batch and its batch norms keep statistics of that too.

    Chen et al., "Data-free learning of student networks" (DAFL), ICCV 2019, arXiv:1904.01186 (``one_hot``, ``balance``,
    the generator); Fang et al., "Data-free adversarial distillation", 2019, arXiv:1912.11006, and Micaelli & Storkey,
    NeurIPS 2019, arXiv:1905.09768 (``adversarial``); Yin et al., "Dreaming to distill", CVPR 2020, arXiv:1912.08795
    (``familiar``). Pictures alone: inputs are one tensor ``[n, channels, height, width]``. Where inputs of the same kind
    can be had without labels, try `Unlabelled` first: a step here costs three passes more.

    Attributes:
        teacher: see `Teacher`.
        temperature: above 0.
        weight: of the student's part, 0 or more.
        task: share of the task's own loss that stays, 0 or more.
        one_hot: weight of the teacher being sure.
        balance: weight of all classes coming up.
        familiar: weight of the batch norms' statistics.
        adversarial: weight of what student and teacher differ by.
        mean: of the pictures in every channel, as the network takes them.
        deviation: of the pictures likewise, above 0.
        noise: numbers that a picture is made of, 1 or more.
        lr: learning rate of the generator's Adam, above 0.
        batch_size: pictures per step, 2 or more; None takes as many as the training's batch has.

    """

    taught: ClassVar[bool] = True
    elsewhere: ClassVar[bool] = True
    teacher: Teacher = dataclasses.field(default_factory=Original)
    temperature: float = 4.0
    weight: float = 1.0
    task: float = 0.0
    one_hot: float = 1.0
    balance: float = 5.0
    familiar: float = 1.0
    adversarial: float = 1.0
    mean: float = 0.0
    deviation: float = 1.0
    noise: int = 64
    lr: float = 1e-3
    batch_size: int | None = None

    def __post_init__(self) -> None:
        above_zero(self, "temperature", "deviation", "lr")
        whole(self, "noise")
        at_least_zero(self, "weight", "task", "one_hot", "balance", "familiar", "adversarial")
        instead = "Leave it out for as many as the training's batch has."
        if self.batch_size is not None:
            what = "a whole number, 2 or more: batch norms need several"
            whole(self, "batch_size", least=2, what=what, instead=instead)
        require(math.isfinite, self, "mean", "a finite number")

    def start(self, context: TrainContext) -> Hook:
        """Build the generator and try teacher and student.

        Raises:
            RecipeError: the inputs are no pictures, the outputs are no classes, teacher and student differ in shape, the
                teacher's answers are read from disk, or it is an ensemble and `familiar` is not 0.

        """
        probe = context.probe()
        shape = _pictures(probe.inputs)
        teaching = teach(self.teacher, context)
        outputs = teaching.see(probe.inputs).outputs
        check_outputs(probe.outputs, outputs, "distill.Generated")
        if probe.outputs.shape[1:2] == (1,):
            msg = (
                f"distill.Generated compares probabilities of classes, and the outputs have the shape "
                f"{list(probe.outputs.shape)}: one score. Write `distill.Unlabelled(inputs=...)`, which takes such outputs."
            )
            raise RecipeError(msg)
        check_axis(probe.outputs, 1, "distill.Generated")
        with isolated(derive(context.seed, "generator")):
            generator = Generator(self.noise, *shape).to(context.device)
        teaching.follow(generator(torch.zeros(2, self.noise, device=context.device)))
        inside = Familiar(_one(self.teacher, context), teaching, context.device) if self.familiar else None
        return _GeneratedHook(self, generator, teaching, inside, context)


def _one(teacher: Teacher, context: TrainContext) -> nn.Module:
    if isinstance(teacher, Ensemble):
        msg = (
            f"distill.Generated(familiar=...) looks at the batch norms of one teacher, and a distill.Ensemble of "
            f"{len(teacher.teachers)} was given. Write `distill.Generated(..., familiar=0.0)`, or name one teacher."
        )
        raise RecipeError(msg)
    return module_of(teacher, context)


def _pictures(inputs: Any) -> tuple[int, int, int]:
    if isinstance(inputs, torch.Tensor) and inputs.ndim == 4 and inputs.is_floating_point():
        return inputs.shape[1], inputs.shape[2], inputs.shape[3]
    given = f"{inputs.dtype} {list(inputs.shape)}" if isinstance(inputs, torch.Tensor) else type(inputs).__name__
    msg = (
        f"distill.Generated makes pictures, floating-point tensors [n, channels, height, width]; the inputs of this task "
        f"are {given}. Write `distill.Unlabelled(inputs=...)` with inputs of another kind."
    )
    raise RecipeError(msg)


class _GeneratedHook(Hook):
    def __init__(
        self,
        settings: Generated,
        generator: Generator,
        teaching: Teaching,
        familiar: Familiar | None,
        context: TrainContext,
    ) -> None:
        self._settings = settings
        self._generator = generator.train()
        self._parameters = list(generator.parameters())
        self._optimizer = torch.optim.Adam(self._parameters, lr=settings.lr)
        self._teaching = teaching
        self._familiar = familiar
        self._context = context
        self._noise = torch.Generator().manual_seed(derive(context.seed, "noise"))
        self._last: tuple[int, Any] = (-1, None)

    def loss_weight(self) -> float:
        return self._settings.task

    def term(self, step: Step) -> torch.Tensor:
        if self._last[0] != step.number:  # a second pass of the same step sees the same pictures
            self._last = step.number, self._made(step)
        pictures, teacher = self._last[1]
        student = step.forward(pictures).float()
        return self._settings.weight * softened(student, teacher, self._settings.temperature, 1).mean()

    def _made(self, step: Step) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures and what the teacher says of them; the generator has learnt from both."""
        settings = self._settings
        size = settings.batch_size or max(2, batch.length(step.inputs))
        noise = torch.randn(size, settings.noise, generator=self._noise).to(self._context.device)
        pictures = settings.mean + settings.deviation * self._generator(noise)
        lesson = self._teaching.follow(pictures)
        loss = self._loss(lesson, self._student(pictures) if settings.adversarial else None)
        for parameter, gradient in zip(self._parameters, torch.autograd.grad(loss, self._parameters), strict=True):
            parameter.grad = gradient
        self._optimizer.step()
        return pictures.detach(), lesson.outputs.detach().float()

    def _student(self, pictures: torch.Tensor) -> torch.Tensor:
        """What the student says; not by `Step.forward`, whose gradients only the loop may ask for."""
        context = self._context
        with context.autocast():
            outputs: torch.Tensor = context.evidence.objective.outputs(batch.call(context.network, pictures))
        return outputs.float()

    def _loss(self, lesson: Lesson, student: torch.Tensor | None) -> torch.Tensor:
        settings = self._settings
        teacher: torch.Tensor = lesson.outputs.float()
        mean = teacher.softmax(1).transpose(0, 1).flatten(1).mean(1)
        loss: torch.Tensor = settings.one_hot * functional.cross_entropy(teacher, teacher.argmax(1))
        loss = loss + settings.balance * torch.special.xlogy(mean, mean).sum()
        if student is not None:
            loss = loss - settings.adversarial * softened(student, teacher, settings.temperature, 1).mean()
        distance = self._familiar.distance(lesson.taps) if self._familiar else None
        return loss if distance is None else loss + settings.familiar * distance
