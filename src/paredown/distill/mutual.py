"""Deep mutual learning."""

import copy
import dataclasses

import torch
from torch import nn
from torch.nn import functional

from paredown.distill.agree import check_axis, check_outputs
from paredown.distill.logits import softened
from paredown.distill.original import Cached, Ensemble, Original, Teacher
from paredown.distill.settings import above_zero, at_least_zero
from paredown.distill.teaching import module_of
from paredown.errors import RecipeError
from paredown.graph.network import Network
from paredown.recipe import batch
from paredown.recipe.classes import class_axis
from paredown.recipe.ingredient import Hook, Ingredient, Step, TrainContext, label
from paredown.recipe.layout import Layout

__all__ = ["Mutual"]


@dataclasses.dataclass(frozen=True)
class Mutual(Ingredient):
    """Student and a peer learn from the data and from one another (Zhang et al. 2018, arXiv:1706.00384).

    To the student's loss ``weight * T² KL(peer || student)`` is added; the peer, a copy that is trained along and dropped
    at the end, has the task's loss and ``weight * T² KL(student || peer)``. No gradient of either goes into the other.
    The sum of all but the student's own loss is what the history shows as this ingredient's term. Where the gradient is
    clipped, it is that of both together. Outputs without classes are matched by mean squared error, and every place
    counts.

    Attributes:
        peer: what the peer begins as: the original, a `Network`, or any module; better not the student itself.
        weight: of what they learn from one another, 0 or more.
        temperature: T, above 0.
        axis: the dimension of the outputs that holds the classes; None finds it from the targets.

    """

    peer: Teacher = dataclasses.field(default_factory=Original)
    weight: float = 1.0
    temperature: float = 1.0
    axis: int | None = None

    def __post_init__(self) -> None:
        at_least_zero(self, "weight")
        above_zero(self, "temperature")
        if isinstance(self.peer, (Ensemble, Cached)):
            msg = f"distill.Mutual(peer={self.peer!r}) was given. A peer is one network that is trained. Name it alone."
            raise RecipeError(msg)

    def start(self, context: TrainContext) -> Hook:
        """Copy the peer and compare its outputs with the student's on two examples.

        Raises:
            RecipeError: it is no module, or its outputs differ in shape.

        """
        peer = copy.deepcopy(module_of(self.peer, context)).to(context.device).eval().requires_grad_()
        if isinstance(peer, Network):
            Layout(peer, context.device, context.precision).begin()
        probe, objective = context.probe(), context.evidence.objective
        with torch.no_grad():
            check_outputs(probe.outputs, objective.outputs(batch.call(peer, probe.inputs)), label(self), "peer")
        axis = class_axis(probe.outputs, probe.target) if self.axis is None else self.axis
        check_axis(probe.outputs, axis, label(self))
        return _MutualHook(self, peer.train(), axis, context)


class _MutualHook(Hook):
    def __init__(self, settings: Mutual, peer: nn.Module, axis: int | None, context: TrainContext) -> None:
        self._settings = settings
        self._peer = peer
        self._axis = axis
        self._context = context

    def trained(self) -> tuple[nn.Module, ...]:
        return (self._peer,)

    def term(self, step: Step) -> torch.Tensor:
        objective = self._context.evidence.objective
        with self._context.autocast():
            raw = batch.call(self._peer, step.inputs)
            losses = [weight * objective.loss_of(raw, target) for weight, target in step.targets]
        student, peer = step.outputs.float(), objective.outputs(raw).float()
        apart = self._apart(student, peer.detach()) + self._apart(peer, student.detach())
        return torch.stack(losses).sum().float() + self._settings.weight * apart

    def _apart(self, learner: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        if self._axis is None:
            return functional.mse_loss(learner, teacher)
        return softened(learner, teacher, self._settings.temperature, self._axis).mean()
