"""The contract of everything that takes part in a training.

An `Ingredient` is a setting: a frozen dataclass that can be printed, compared and stored. `Ingredient.start` turns it
into a `Hook` for one training. The loop calls every hook at fixed places, in the order in which the ingredients are
listed, so that ingredients compose without knowing one another:

1. ``batch``: inputs and targets may change (Mixup, crops);
2. the network runs; ``loss`` may reshape the task's loss for each target (label smoothing, robust losses);
3. the task's loss is multiplied by every ``loss_weight``, and every ``term`` is added (distillation, penalties);
4. backward, clipping; ``before_step``, the optimizer's step, ``after_step``;
5. ``epoch_end`` when an epoch ends; ``finish`` gives the weights that are evaluated and returned (averages);
   ``leave`` takes back what a hook changed in the graph.
"""

import abc
import dataclasses
from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import torch
from torch import nn

from paredown.graph.network import Network
from paredown.recipe import batch

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Hook", "Ingredient", "Probe", "Step", "Targets", "TrainContext", "Update", "family", "label"]

_Made = TypeVar("_Made")

Targets = tuple[tuple[float, Any], ...]
"""Weighted targets of one batch: usually one with weight 1; Mixup makes two of each."""


@dataclasses.dataclass(frozen=True)
class Step:
    """What is known after the network ran on a batch.

    Attributes:
        number: optimizer steps done before this one.
        inputs: the batch as the network saw it, after every hook's ``batch``.
        targets: weighted targets.
        raw: what the network returned.
        outputs: what the task picks out of it (logits).
        taps: values of the student's taps by the path they were asked for.
        forward: runs the student once more, in train mode, with gradients: inputs to outputs.
        examples: which examples of the training split these are, ``[n]`` on the CPU; of mixed ones the first of each.

    """

    number: int
    inputs: Any
    targets: Targets
    raw: Any
    outputs: Any
    taps: dict[str, torch.Tensor]
    forward: Callable[[Any], Any]
    examples: torch.Tensor


@dataclasses.dataclass(frozen=True)
class Update:
    """What is known between backward and the optimizer's step.

    Attributes:
        number: optimizer steps done before this one.
        network: the student; its gradients are set, unscaled and clipped.
        optimizer: the optimizer about to step.
        lr: learning rate of this step.
        again: zero the gradients and run forward and backward on the same batch with the weights as they are now.
        done: share of the training that is behind once this step is made, from 0 to 1. A deadline or patience that shortens
            the training is counted in: this is what schedules of ingredients go by.
        left: optimizer steps planned after this one.

    """

    number: int
    network: Network
    optimizer: torch.optim.Optimizer
    lr: float
    again: Callable[[], None]
    done: float
    left: int


@dataclasses.dataclass(frozen=True)
class Probe:
    """A small batch and the student's outputs and taps for it, in eval mode."""

    inputs: Any
    target: Any
    outputs: Any
    taps: Mapping[str, torch.Tensor] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class TrainContext:
    """What an ingredient can build on.

    Attributes:
        network: the student, in train mode, on `device`; a copy that belongs to this training.
        original: the network the run began with.
        evidence: data, loss, outputs and score of the task.
        device: where the training runs.
        steps: optimizer steps planned in all; patience or a deadline may end the training sooner, see `Update.done`.
        steps_per_epoch: optimizer steps in one pass over the training data.
        seed: for random numbers of the ingredient's own.
        precision: of the training, as in `Train`.
        autocast: context of that precision, for teachers.
        tap: ask for the value of a module path, glob or node of the student; gives the paths that are meant, under
            which the values appear in `Step.taps`.
        tapped: the student's taps so far, by path.
        deadline: moment on the clock of `time.monotonic` at which the training has to be done; None for no such moment.
        shared: what the ingredients of this training share; see `once`.

    """

    network: Network
    original: Network
    evidence: "Evidence"
    device: torch.device
    steps: int
    steps_per_epoch: int
    seed: int
    precision: str
    autocast: Callable[[], AbstractContextManager[Any]]
    tap: Callable[[str], tuple[str, ...]]
    tapped: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    deadline: float | None = None
    shared: dict[Hashable, Any] = dataclasses.field(default_factory=dict)

    def once(self, key: Hashable, make: Callable[[], _Made]) -> _Made:
        """What `make` gives, made once per training for all ingredients that ask with this key, such as a teacher."""
        if key not in self.shared:
            self.shared[key] = make()
        made: _Made = self.shared[key]
        return made

    def probe(self) -> "Probe":
        """Two examples of the calibration split and what the student makes of them, to look at before training."""
        inputs, target = next(iter(self.evidence.work.calibrate.batches(limit=2)))
        inputs, target = batch.to(self.device, inputs), batch.to(self.device, target)
        self.network.eval()
        with torch.no_grad():
            flat = self.network.graph_module(*batch.flat(self.network, inputs))
        self.network.train()
        outputs = self.evidence.objective.outputs(self.network.out_structure.build(flat))
        taps = dict(zip(self.tapped, flat[len(flat) - len(self.tapped) :], strict=True))
        return Probe(inputs, target, outputs, taps)


class Hook:
    """One ingredient at work in one training; every method does nothing unless a subclass says otherwise."""

    def batch(self, inputs: Any, targets: Targets, generator: torch.Generator) -> tuple[Any, Targets]:  # noqa: ARG002 (for subclasses)
        """Change a batch.

        Args:
            inputs: tensor, tuple or dict; not to be changed in place.
            targets: weighted targets.
            generator: this hook's own source of random numbers, on the CPU.

        """
        return inputs, targets

    def loss(self, loss: torch.Tensor, outputs: Any, target: Any) -> torch.Tensor:  # noqa: ARG002 (for subclasses)
        """Reshape the task's loss for one target."""
        return loss

    def loss_weight(self) -> float:
        """Share of the task's loss in the total."""
        return 1.0

    def term(self, step: Step) -> torch.Tensor | None:  # noqa: ARG002 (for subclasses)
        """A scalar to add to the loss, already weighted; None for none.

        Called a second time for the same step where another hook asks for `Update.again`.
        """
        return None

    def trained(self) -> tuple[nn.Module, ...]:
        """Modules of the ingredient's own that are trained along, such as projectors."""
        return ()

    def before_step(self, update: Update) -> None:
        """Act when the gradients are known."""

    def after_step(self, network: Network) -> None:
        """Act when the weights have changed."""

    def epoch_end(self, epoch: int) -> None:
        """Act when an epoch has ended; the first epoch is 1."""

    def finish(self, network: Network) -> None:
        """Turn the weights, in place, into those that would be returned if the training ended now.

        Called before every evaluation and at the end; the loop puts the training weights back after an evaluation.
        """

    def leave(self, network: Network) -> None:
        """Take back what was changed in the network's graph; called once, when the training is over."""


@dataclasses.dataclass(frozen=True)
class Ingredient(abc.ABC):
    """Base of everything that goes into ``Train(using=...)``. Settings are the dataclass fields.

    Attributes:
        taught: another network, such as a teacher, runs on every batch, which makes a step longer.
        elsewhere: that other network is shown inputs of the ingredient's own, and not the training's batch.
        mixes: examples are mixed inside the network, so that what it gives belongs to no input that another network
            could be shown.

    """

    taught: ClassVar[bool] = False
    elsewhere: ClassVar[bool] = False
    mixes: ClassVar[bool] = False

    @abc.abstractmethod
    def start(self, context: TrainContext) -> Hook:
        """Begin one training.

        Raises:
            RecipeError: the ingredient does not fit this task or network; nothing has been trained yet.

        """


def label(thing: object) -> str:
    """Name for people: ``distill.Logits`` for Paredown's own, the class name for others."""
    cls = type(thing)
    parts = cls.__module__.split(".")
    return f"{parts[1]}.{cls.__name__}" if parts[0] == "paredown" and len(parts) > 1 else cls.__name__


def family(thing: object) -> str:
    """The room that a technique comes from: ``prune``, ``distill``; of others the last part of their module's name."""
    parts = type(thing).__module__.split(".")
    return parts[1] if parts[0] == "paredown" and len(parts) > 1 else parts[-1]
