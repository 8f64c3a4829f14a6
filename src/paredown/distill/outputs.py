"""Distillation from a teacher's outputs by other measures than Hinton's."""

import dataclasses
from typing import Any, ClassVar

import torch

from paredown.distill.agree import check_axis, check_outputs
from paredown.distill.dist import DIST
from paredown.distill.lesson import Teaching
from paredown.distill.original import Original, Teacher
from paredown.distill.output_loss import OutputLoss
from paredown.distill.standardize import standardized
from paredown.distill.teaching import teach
from paredown.errors import RecipeError
from paredown.recipe.classes import class_axis, counted
from paredown.recipe.ingredient import Hook, Ingredient, Probe, Step, TrainContext, label
from paredown.recipe.settings import at_least_zero, flags

__all__ = ["Outputs"]


@dataclasses.dataclass(frozen=True)
class Outputs(Ingredient):
    """Match the teacher's outputs: ``task * loss + weight * L(student, teacher)``.

    Works for one row of outputs per example, and for one per token, pixel or step: those are taken together, without
    the places whose target is none of the classes, such as padding. With several weighted targets (Mixup) a loss that looks at
    labels is averaged over them. The teacher sees the batch the student sees, in eval mode.

    Attributes:
        loss: what is compared: `DKD`, `DIST`, `WSLD`, `MLKD` for classes, `Squares` for anything.
        teacher: see `Teacher`.
        weight: of the teacher's part, 0 or more.
        task: share of the task's own loss that stays, 0 or more.
        standardize: compare scores with mean 0 and standard deviation 1 in every row (`paredown.distill.standardize`).
        axis: the dimension of the outputs that holds the classes; None finds it from the targets.

    """

    taught: ClassVar[bool] = True
    loss: OutputLoss = dataclasses.field(default_factory=DIST)
    teacher: Teacher = dataclasses.field(default_factory=Original)
    weight: float = 1.0
    task: float = 1.0
    standardize: bool = False
    axis: int | None = None

    def __post_init__(self) -> None:
        at_least_zero(self, "weight", "task")
        flags(self, "standardize")
        loss: object = self.loss
        if not isinstance(loss, OutputLoss):
            msg = (
                f"distill.Outputs(loss={loss!r}) was given. It is a comparison of outputs. "
                "Write `distill.Outputs(loss=distill.DKD())`; what compares values inside goes into `distill.Features`."
            )
            raise RecipeError(msg)

    def start(self, context: TrainContext) -> Hook:
        """Copy the teacher and compare its outputs with the student's on two examples.

        Raises:
            RecipeError: outputs of teacher and student differ in shape, or the loss needs classes or labels and the
                task has none, as has `standardize`.

        """
        teaching = teach(self.teacher, context)
        probe = context.probe()
        check_outputs(probe.outputs, teaching.see(probe.inputs).outputs, label(self))
        check_axis(probe.outputs, self.axis, label(self))
        return _OutputsHook(self, teaching, _axis(self, probe))


def _axis(settings: Outputs, probe: Probe) -> int:
    found = class_axis(probe.outputs, probe.target)
    shape = list(probe.outputs.shape)
    if settings.loss.labelled and (found is None or settings.axis not in {None, found, found - probe.outputs.ndim}):
        msg = (
            f"{label(settings.loss)} looks at the true classes, and the targets of this task are no class indices for "
            f"outputs of shape {shape}. Use a loss without labels, for example `distill.Outputs(loss=distill.DIST())`."
        )
        raise RecipeError(msg)
    if settings.loss.classes and settings.axis is None and found is None:
        msg = (
            f"{label(settings.loss)} compares probabilities of classes, and the targets of this task are no class "
            f"indices for outputs of shape {shape}. If one dimension holds classes, say which: `axis=1`; otherwise use "
            "`distill.Outputs(loss=distill.Squares())`."
        )
        raise RecipeError(msg)
    if settings.standardize and settings.axis is None and found is None:
        msg = (
            "distill.Outputs(standardize=True) was given, and the targets of this task are no class indices for outputs "
            f"of shape {shape}: numbers without classes keep their scale. Leave standardize out, or say which dimension "
            "holds classes: `axis=1`."
        )
        raise RecipeError(msg)
    return found or -1 if settings.axis is None else settings.axis


class _OutputsHook(Hook):
    def __init__(self, settings: Outputs, teaching: Teaching, axis: int) -> None:
        self._settings = settings
        self._teaching = teaching
        self._axis = axis

    def loss_weight(self) -> float:
        return self._settings.task

    def term(self, step: Step) -> torch.Tensor:
        student, teacher = step.outputs.float(), self._teaching.see(step.inputs).outputs.float()
        if self._settings.standardize:
            student, teacher = standardized(student, self._axis), standardized(teacher, self._axis)
        targets = step.targets if self._settings.loss.labelled else ((1.0, step.targets[0][1]),)
        parts = [weight * self._compare(student, teacher, target) for weight, target in targets]
        return self._settings.weight * torch.stack(parts).sum()

    def _compare(self, student: torch.Tensor, teacher: torch.Tensor, target: Any) -> torch.Tensor:
        rows = [o.movedim(self._axis, -1) if o.ndim > 1 else o[:, None] for o in (student, teacher)]
        labels = torch.empty(0, dtype=torch.long, device=student.device)
        *shape, classes = rows[0].shape
        whole = isinstance(target, torch.Tensor) and not target.is_floating_point()
        if classes > 1 and whole and [*target.shape] == shape:
            places = counted(target, classes)
            rows, labels = [outputs[places] for outputs in rows], target[places]
        student, teacher = (outputs.flatten(0, -2) for outputs in rows)
        return self._settings.loss(student, teacher, labels) if len(student) else student.sum()
