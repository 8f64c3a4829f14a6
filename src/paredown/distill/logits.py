"""Knowledge distillation from a teacher's outputs."""

import dataclasses
from typing import ClassVar

import torch
from torch.nn import functional

from paredown.distill.agree import check_outputs, found_axis
from paredown.distill.lesson import Teaching
from paredown.distill.original import Original, Teacher
from paredown.distill.standardize import standardized
from paredown.distill.teaching import teach
from paredown.errors import RecipeError
from paredown.recipe.classes import counted
from paredown.recipe.ingredient import Hook, Ingredient, Step, TrainContext
from paredown.recipe.settings import above_zero, flags, require

__all__ = ["Logits", "apart", "softened"]


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
            shape ``[n, ...]`` for outputs ``[n, classes, ...]`` or ``[n, ..., classes]``). Places whose target is
            none of the classes, such as -100 for padding or 255 for borders, do not count.
        standardize: compare scores with mean 0 and standard deviation 1 in every row (`paredown.distill.standardize`,
            arXiv:2403.01427).

    """

    taught: ClassVar[bool] = True
    teacher: Teacher = dataclasses.field(default_factory=Original)
    temperature: float = 4.0
    alpha: float = 0.9
    axis: int | None = None
    standardize: bool = False

    def __post_init__(self) -> None:
        above_zero(self, "temperature")
        flags(self, "standardize")
        require(lambda alpha: 0.0 <= alpha <= 1.0, self, "alpha", "the share of the teacher in the loss, from 0 to 1")

    def start(self, context: TrainContext) -> Hook:
        """Copy the teacher and compare its outputs with the student's on two examples.

        Raises:
            RecipeError: outputs are no single tensor, those of teacher and student differ in shape, or `axis` is none
                of their dimensions.

        """
        teaching = teach(self.teacher, context)
        probe = context.probe()
        check_outputs(probe.outputs, teaching.see(probe.inputs).outputs, "distill.Logits")
        axis = found_axis(probe, self.axis, "distill.Logits")
        if self.standardize and axis is None:
            msg = (
                "distill.Logits(standardize=True) was given, and the targets of this task are no class indices for "
                f"outputs of shape {list(probe.outputs.shape)}: numbers without classes keep their scale. Leave "
                "standardize out, or say which dimension holds classes: `axis=1`."
            )
            raise RecipeError(msg)
        return _LogitsHook(self, teaching, axis)


class _LogitsHook(Hook):
    def __init__(self, settings: Logits, teaching: Teaching, axis: int | None) -> None:
        self._settings = settings
        self._teaching = teaching
        self._axis = axis

    def loss_weight(self) -> float:
        return 1.0 - self._settings.alpha

    def term(self, step: Step) -> torch.Tensor:
        student, teacher = step.outputs.float(), self._teaching.see(step.inputs).outputs.float()
        if self._axis is None:
            return self._settings.alpha * functional.mse_loss(student, teacher)
        if self._settings.standardize:
            student, teacher = standardized(student, self._axis), standardized(teacher, self._axis)
        divergence = softened(student, teacher, self._settings.temperature, self._axis)
        target = step.targets[0][1]
        if isinstance(target, torch.Tensor) and not target.is_floating_point() and target.shape == divergence.shape:
            places = counted(target, student.shape[self._axis])
            return self._settings.alpha * (divergence * places).sum() / places.sum().clamp_min(1)
        return self._settings.alpha * divergence.mean()


def apart(student: torch.Tensor, teacher: torch.Tensor, temperature: float, axis: int | None) -> torch.Tensor:
    """The mean of `softened` over all positions; of squares where outputs have no classes."""
    if axis is None:
        return functional.mse_loss(student, teacher)
    return softened(student, teacher, temperature, axis).mean()


def softened(student: torch.Tensor, teacher: torch.Tensor, temperature: float, axis: int) -> torch.Tensor:
    """T² times the Kullback-Leibler divergence of softened classes along `axis`, one value per position."""
    log_student = functional.log_softmax(student / temperature, axis)
    log_teacher = functional.log_softmax(teacher / temperature, axis)
    return functional.kl_div(log_student, log_teacher, reduction="none", log_target=True).sum(axis) * temperature**2
