"""Deep mutual learning, and ensembles that learn online."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import nn

from paredown.distill.agree import check_outputs, first_run, found_axis
from paredown.distill.logits import apart
from paredown.distill.original import Cached, Ensemble, Original, Teacher
from paredown.distill.teaching import copied, module_of
from paredown.errors import RecipeError
from paredown.graph.network import Network
from paredown.recipe import batch
from paredown.recipe.ingredient import Hook, Ingredient, Probe, Step, TrainContext, label
from paredown.recipe.layout import Layout
from paredown.recipe.settings import above_zero, at_least_zero, flags
from paredown.recipe.title import title

__all__ = ["Mutual"]


@dataclasses.dataclass(frozen=True)
class Mutual(Ingredient):
    """Student and peers learn from the data and from one another (Zhang et al. 2018, arXiv:1706.00384).

    To the student's loss ``weight * T² KL(peer || student)`` is added, the mean over the peers; every peer, a copy that is
    trained along and dropped at the end, has the task's loss and the same mean over all others. With ``together`` all
    learn from one teacher instead, the mean of everybody's logits (online ensemble: KDCL, Guo et al. 2020, and ONE, Lan
    et al. 2018, arXiv:1806.04606, without its gate). No gradient of one goes into another. The sum of all but the
    student's own loss is what the history shows as this ingredient's term. Where the gradient is clipped, it is that of
    all together. Outputs without classes are matched by mean squared error, and every place counts.

    Attributes:
        peer: what the peer begins as: the original, a `Network`, or any module; better not the student itself. Several
            in a tuple.
        weight: of what they learn from one another, 0 or more.
        temperature: T, above 0.
        together: learn from the mean of all instead of from each of the others.
        axis: the dimension of the outputs that holds the classes; None finds it from the targets.

    """

    taught: ClassVar[bool] = True
    peer: Teacher | Sequence[Teacher] = dataclasses.field(default_factory=Original)
    weight: float = 1.0
    temperature: float = 1.0
    together: bool = False
    axis: int | None = None

    def __post_init__(self) -> None:
        at_least_zero(self, "weight")
        above_zero(self, "temperature")
        flags(self, "together")
        if isinstance(self.peer, list):
            object.__setattr__(self, "peer", tuple(self.peer))
        for peer in self.peers:
            if isinstance(peer, (Ensemble, Cached)):
                msg = f"distill.Mutual(peer={peer!r}) was given. A peer is one network that is trained. Name it alone."
                raise RecipeError(msg)
        if not self.peers:
            msg = "distill.Mutual(peer=()) was given. Nobody learns alone there. Write `distill.Mutual(peer=build)`."
            raise RecipeError(msg)

    @property
    def peers(self) -> tuple[Teacher, ...]:
        """One or several, as a tuple."""
        return self.peer if isinstance(self.peer, tuple) else (self.peer,)

    def start(self, context: TrainContext) -> Hook:
        """Copy the peers and compare their outputs with the student's on two examples.

        Raises:
            RecipeError: one is no module, or its outputs differ in shape.

        """
        probe = context.probe()
        peers = nn.ModuleList([self._peer(peer, probe, context) for peer in self.peers])
        return _MutualHook(self, peers, found_axis(probe, self.axis, label(self)), context)

    def _peer(self, given: Teacher, probe: Probe, context: TrainContext) -> nn.Module:
        peer = copied(module_of(given, context), "peer").to(context.device).eval().requires_grad_()
        if isinstance(peer, Network):
            Layout(peer, context.device, context.precision).begin()
        with torch.no_grad():
            run = functools.partial(batch.call, peer, probe.inputs)
            raw = first_run(run, f"the peer, {title(peer)},", probe.inputs, "32-true")
            outputs = context.evidence.objective.outputs(raw)
        check_outputs(probe.outputs, outputs, label(self), "peer")
        return peer.train()


class _MutualHook(Hook):
    def __init__(self, settings: Mutual, peers: nn.ModuleList, axis: int | None, context: TrainContext) -> None:
        self._settings = settings
        self._peers = peers
        self._axis = axis
        self._context = context

    def trained(self) -> tuple[nn.Module, ...]:
        return (self._peers,)

    def term(self, step: Step) -> torch.Tensor:
        objective = self._context.evidence.objective
        with self._context.autocast():
            raws = [batch.call(peer, step.inputs) for peer in self._peers]
        peers = [objective.outputs(raw).float() for raw in raws]  # their loss is in float32, as the student's is
        losses = [weight * objective.loss(one, target).reshape(()) for one in peers for weight, target in step.targets]
        return torch.stack(losses).sum() + self._settings.weight * self._apart([step.outputs.float(), *peers])

    def _apart(self, outputs: list[torch.Tensor]) -> torch.Tensor:
        """How far each is from what it learns from, summed over all of them."""
        known = [one.detach() for one in outputs]
        if self._settings.together:
            mean = torch.stack(known).mean(0)
            return torch.stack([self._between(one, mean) for one in outputs]).sum()
        pairs = [(one, other) for i, one in enumerate(outputs) for j, other in enumerate(known) if i != j]
        return torch.stack([self._between(*pair) for pair in pairs]).sum() / (len(outputs) - 1)

    def _between(self, learner: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        return apart(learner, teacher, self._settings.temperature, self._axis)
