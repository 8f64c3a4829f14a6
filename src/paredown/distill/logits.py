"""Knowledge distillation from a teacher's outputs."""

import dataclasses
import math
from typing import Any

import torch
from torch.nn import functional

from paredown.distill.original import Original, Teacher, Teaching, teach
from paredown.errors import RecipeError
from paredown.graph.structure import flatten
from paredown.recipe.ingredient import Hook, Ingredient, Step, TrainContext

__all__ = ["Logits"]


@dataclasses.dataclass(frozen=True)
class Logits(Ingredient):
    """Match the teacher's softened class probabilities (Hinton, Vinyals & Dean 2015, arXiv:1503.02531).

    The loss becomes ``(1 - alpha) * task + alpha * T² * KL(teacher || student)`` with both outputs divided by the
    temperature T, averaged over examples and, for dense outputs, positions. Outputs without classes (regression,
    embeddings, independent yes/no outputs) are matched by mean squared error instead. The teacher sees the batch the
    student sees, after Mixup and crops, in eval mode.

    Attributes:
        teacher: `Original()`, a `Network`, or any module with the same inputs and outputs.
        temperature: above 0; higher shows more of what the teacher thinks of the wrong classes.
        alpha: share of the teacher in the loss, from 0 to 1.
        axis: the dimension of the outputs that holds the classes; None finds it from the targets (class indices of
            shape ``[n, ...]`` for outputs ``[n, classes, ...]`` or ``[n, ..., classes]``).

    """

    teacher: Teacher = dataclasses.field(default_factory=Original)
    temperature: float = 4.0
    alpha: float = 0.9
    axis: int | None = None

    def __post_init__(self) -> None:
        if not (self.temperature > 0 and math.isfinite(self.temperature)):
            msg = (
                f"distill.Logits(temperature={self.temperature}) was given. A temperature is above 0. "
                "Write `distill.Logits(temperature=4.0)`."
            )
            raise RecipeError(msg)
        if not 0.0 <= self.alpha <= 1.0:
            msg = (
                f"distill.Logits(alpha={self.alpha}) was given. It is the share of the teacher in the loss, from 0 to 1. "
                "Write `distill.Logits(alpha=0.9)`."
            )
            raise RecipeError(msg)

    def start(self, context: TrainContext) -> Hook:
        """Copy the teacher and compare its outputs with the student's on the example inputs.

        Raises:
            RecipeError: outputs are no single tensor, or those of teacher and student differ in shape.

        """
        teaching = teach(self.teacher, context)
        _compare(teaching, context)
        return _LogitsHook(self, teaching)


class _LogitsHook(Hook):
    def __init__(self, settings: Logits, teaching: Teaching) -> None:
        self._settings = settings
        self._teaching = teaching

    def loss_weight(self) -> float:
        return 1.0 - self._settings.alpha

    def term(self, step: Step) -> torch.Tensor:
        student = step.outputs.float()
        teacher = self._teaching(step.inputs).float()
        axis = self._settings.axis
        if axis is None:
            axis = class_axis(step.outputs, step.targets[0][1])
        if axis is None:
            return self._settings.alpha * functional.mse_loss(student, teacher)
        return self._settings.alpha * softened(student, teacher, self._settings.temperature, axis)


def softened(student: torch.Tensor, teacher: torch.Tensor, temperature: float, axis: int) -> torch.Tensor:
    """T² times the Kullback-Leibler divergence of softened classes along `axis`, averaged over all other dimensions."""
    log_student = functional.log_softmax(student / temperature, axis)
    log_teacher = functional.log_softmax(teacher / temperature, axis)
    divergence = functional.kl_div(log_student, log_teacher, reduction="none", log_target=True).sum(axis)
    return divergence.mean() * temperature**2


def class_axis(outputs: torch.Tensor, target: Any) -> int | None:
    """Dimension of the outputs that holds classes, given targets; None where there is none.

    Targets that are class indices have every dimension of the outputs but that of the classes, which is the second or
    else the last.
    """
    if not isinstance(target, torch.Tensor) or target.dtype.is_floating_point or target.ndim != outputs.ndim - 1:
        return None
    for axis in (1, outputs.ndim - 1):
        if (*outputs.shape[:axis], *outputs.shape[axis + 1 :]) == tuple(target.shape):
            return axis
    return None


def _compare(teaching: Teaching, context: TrainContext) -> None:
    args, kwargs = context.network.in_structure.build([tensor.to(context.device) for tensor in context.network.example])
    pick = context.evidence.objective.outputs
    context.network.eval()
    with torch.no_grad():
        student, teacher = pick(context.network(*args, **kwargs)), pick(teaching.module(*args, **kwargs))
    context.network.train()
    for who, outputs in (("student", student), ("teacher", teacher)):
        if not isinstance(outputs, torch.Tensor):
            leaves = len(flatten(outputs)[0])
            msg = (
                f"distill.Logits compares one tensor, and the {who} gives {type(outputs).__name__} of {leaves} tensors. "
                "Say which of them are the logits: `Task(..., logits='logits')`."
            )
            raise RecipeError(msg)
    if student.shape != teacher.shape:
        msg = (
            f"The teacher gives {list(teacher.shape)} for the example inputs and the student {list(student.shape)}. "
            "Their classes have to be the same, in the same order. Use a teacher that was trained for this task, "
            "for example `distill.Logits(teacher=distill.Original())`."
        )
        raise RecipeError(msg)
