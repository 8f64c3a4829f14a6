"""What is known about a network from data: computed when asked for, once per network."""

import copy
import dataclasses
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import fx

from paredown import codec
from paredown.errors import RecipeError, TrainingError
from paredown.graph.capabilities import Capabilities
from paredown.graph.network import Network
from paredown.graph.structure import flatten
from paredown.recipe import batch
from paredown.recipe.nearest import nearest
from paredown.recipe.progress import Progress, Silent

if TYPE_CHECKING:
    from paredown.data import WorkData
    from paredown.data.split import Split
    from paredown.task import Objective, Task

__all__ = ["Evidence"]

_REMEMBERED = 16
_NEEDS_DATA = (
    "This step looks at data and was given none. Criteria such as Taylor importance, static quantization and every "
    "training need examples. Pass evidence: `.on(network, evidence=paredown.Evidence.of(task))`, or use "
    "`paredown.apply(task, [...])`."
)
_Found = TypeVar("_Found")

Stopwatch = Callable[[Sequence[Network], Sequence[Sequence[np.ndarray[Any, Any]]]], tuple[float, ...]]
"""Milliseconds of one inference of each network, given flat inputs for each."""


class Evidence:
    """Gradients, activations, losses and scores of networks on a task's working data.

    Nothing is computed before it is asked for, and nothing twice for the same network (by its fingerprint). Everything
    is taken in eval mode, in the order of the data, so it is the same in every process. Networks are left
    bit-identical.

    Args:
        work: the data for work; `judge` is not part of it.
        objective: loss, outputs and score: `task.objective`.
        capabilities: what the target can execute.
        seed: for techniques that draw random numbers.
        device: where networks run, for example ``cpu`` or ``cuda``.

    Attributes:
        progress: told by transforms that take long.
        deadline: moment on the clock of `time.monotonic` at which a transform that searches has to be done; None for
            no such moment. See `within`.
        stopwatch: times networks on the target; None where there is no target. See `timed`.

    """

    progress: Progress = Silent()
    deadline: float | None = None
    stopwatch: Stopwatch | None = None

    def __init__(
        self,
        work: "WorkData",
        objective: "Objective",
        capabilities: Capabilities | None = None,
        *,
        seed: int = 0,
        device: str | torch.device = "cpu",
    ) -> None:
        self._work: WorkData | None = work
        self._objective: Objective | None = objective
        self.capabilities = capabilities or Capabilities("no target")
        self.seed = seed
        self.device = torch.device(device)
        self._known: OrderedDict[tuple[str, ...], Any] = OrderedDict()

    @classmethod
    def of(
        cls,
        task: "Task",
        capabilities: Capabilities | None = None,
        *,
        seed: int = 0,
        device: str | torch.device = "cpu",
    ) -> "Evidence":
        """Evidence from a task's working data; the task itself, and its `judge`, are not kept."""
        return cls(task.data.work, task.objective, capabilities, seed=seed, device=device)

    @classmethod
    def empty(cls, capabilities: Capabilities | None = None, *, seed: int = 0) -> "Evidence":
        """Evidence without data, for techniques that need none; whatever needs data raises `RecipeError`."""
        evidence = cls.__new__(cls)
        evidence._work = None
        evidence._objective = None
        evidence.capabilities = capabilities or Capabilities("no target")
        evidence.seed = seed
        evidence.device = torch.device("cpu")
        evidence._known = OrderedDict()
        return evidence

    def within(self, progress: Progress, deadline: float | None) -> "Evidence":
        """The same evidence, with all that is known already, for a step that reports and has to be done in time."""
        twin = copy.copy(self)
        twin.progress, twin.deadline = progress, deadline
        return twin

    def timed(self, stopwatch: Stopwatch) -> "Evidence":
        """The same evidence for techniques that ask how long networks take on the target, such as `prune.Latency`."""
        twin = copy.copy(self)
        twin.stopwatch = stopwatch
        return twin

    def sampled(self, examples: int) -> "Evidence":
        """Evidence on so many examples of select, every class with its share, for searches that ask often.

        Raises:
            RecipeError: this is evidence without data.

        """
        some = dataclasses.replace(self.work, select=self.work.select.take(examples, self.seed))
        return Evidence(some, self.objective, self.capabilities, seed=self.seed, device=self.device)

    def milliseconds(self, networks: Sequence[Network], inputs: Sequence[Sequence[torch.Tensor]]) -> tuple[float, ...]:
        """How long one inference of each network takes on the target, timed against each other.

        Args:
            networks: to be lowered and timed; left bit-identical.
            inputs: flat tensors for each of them.

        Raises:
            RecipeError: this evidence has no stopwatch.

        """
        if self.stopwatch is None:
            msg = (
                "This step asks how long layers take on the target, and no target was given. Pass "
                "`evidence=paredown.Evidence.of(task, target.capabilities).timed(targets.Stopwatch(target))`, or use "
                "`paredown.apply(task, [...])`, which has a target."
            )
            raise RecipeError(msg)
        return self.stopwatch(networks, [[tensor.numpy() for tensor in row] for row in inputs])

    def over(self) -> bool:
        """Whether the deadline has passed. A transform that searches then makes do with what it has found."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    @property
    def work(self) -> "WorkData":
        """The splits train, calibrate and select.

        Raises:
            RecipeError: this is evidence without data.

        """
        if self._work is None:
            raise RecipeError(_NEEDS_DATA)
        return self._work

    @property
    def objective(self) -> "Objective":
        """Loss, outputs and score of the task.

        Raises:
            RecipeError: this is evidence without data.

        """
        if self._objective is None:
            raise RecipeError(_NEEDS_DATA)
        return self._objective

    def fingerprint(self) -> str:
        """SHA-256 (hex) of the data, the seed and what the target can do; the same for every evidence without data."""
        return codec.fingerprint(self._work.fingerprint() if self._work else None, self.seed, self.capabilities)

    def calibration(self, limit: int | None = None, network: Network | None = None) -> Iterator[list[torch.Tensor]]:
        """Inputs of the calibration split, batch by batch, as flat tensors on `device`.

        Args:
            limit: at most so many examples.
            network: put the tensors into the order of this network's inputs, by name where the data names them;
                without it they come in the order of the data.

        """
        for inputs, _ in self._batches(self.work.calibrate, limit):
            yield _flat(network, inputs)

    def gradients(self, network: Network) -> Mapping[str, torch.Tensor]:
        """Mean gradient of the task's loss over the calibration split, by parameter name (on the CPU).

        The first-order Taylor term of cutting a weight w is w times this (Molchanov et al. 2019, arXiv:1906.10771).
        Tied parameters appear under each of their names.

        Raises:
            TrainingError: the loss on a calibration batch is not finite.

        """
        return self.once(("gradients", network.fingerprint()), lambda: self._gradients(network))

    def _gradients(self, network: Network) -> Mapping[str, torch.Tensor]:
        twin = network.copy().eval().to(self.device)
        for parameter in twin.parameters():
            parameter.requires_grad_(parameter.dtype.is_floating_point)
            parameter.grad = None
        examples = 0
        with torch.enable_grad():
            for number, (inputs, target) in enumerate(self._batches(self.work.calibrate)):
                count = batch.length(inputs)
                loss = self.objective.loss_of(batch.call(twin, inputs), target)
                if not torch.isfinite(loss):
                    raise TrainingError(_not_finite(loss.item(), "calibrate", number))
                torch.autograd.backward(loss * count)
                examples += count
        return MappingProxyType(
            {
                name: (torch.zeros_like(p) if p.grad is None else p.grad / examples).detach().cpu()
                for name, p in twin.named_parameters(remove_duplicate=False)
            }
        )

    def observe(self, network: Network, observers: Mapping[str, Callable[[torch.Tensor], None]]) -> None:
        """Show every observer the values of its node: one pass over the calibration split, eval mode, no gradients.

        Args:
            network: left bit-identical.
            observers: node name to a function that is called with the node's value once per batch, in order.

        Raises:
            RecipeError: a node does not exist or gives no tensor.

        """
        names = [node.name for node in network.nodes()]
        for name in observers:
            if name not in names:
                msg = f"There is no node {name!r} to observe in this network. The nearest are {nearest(name, names)}."
                raise RecipeError(msg)
        quiet = self._quiet(network)
        observing = _Observing(quiet.graph_module, observers)
        with torch.no_grad():
            for inputs in self.calibration(network=network):
                observing.run(*inputs)

    def score(self, network: Network) -> float:
        """The task's score on the select split, in the score's unit."""
        return self.once(("score", network.fingerprint()), lambda: self.evaluate(network))

    def evaluate(self, network: Network) -> float:
        """The score on the select split without looking it up or remembering it, for networks that keep changing."""
        quiet = self._quiet(network)
        metric = self.objective.score
        rows = []
        with torch.no_grad():
            for inputs, target in self._batches(self.work.select):
                outputs = self.objective.outputs(batch.call(quiet, inputs))
                rows.append(torch.as_tensor(metric.rows(outputs, target)).cpu().numpy())
        return float(metric.reduce(np.concatenate(rows)))

    def loss(self, network: Network, limit: int | None = None) -> float:
        """The task's mean loss on the select split, or on its first `limit` examples."""
        return self.once(("loss", str(limit), network.fingerprint()), lambda: self._loss(network, limit))

    def _loss(self, network: Network, limit: int | None) -> float:
        quiet = self._quiet(network)
        total, examples = 0.0, 0
        with torch.no_grad():
            for inputs, target in self._batches(self.work.select, limit):
                count = batch.length(inputs)
                total += float(self.objective.loss_of(batch.call(quiet, inputs), target)) * count
                examples += count
        return total / examples

    def _quiet(self, network: Network) -> Network:
        """The network itself where nothing has to change to evaluate it, else a copy."""
        here = all(tensor.device == self.device for tensor in network.state_dict().values())
        return network if here and not network.training else network.copy().eval().to(self.device)

    def _batches(self, split: "Split", limit: int | None = None) -> Iterator[tuple[Any, Any]]:
        for inputs, target in split.batches(limit=limit):
            yield batch.to(self.device, inputs), batch.to(self.device, target)

    def once(self, key: tuple[str, ...], compute: Callable[[], _Found]) -> _Found:
        """What `compute` gives, remembered under a key that says everything it depends on beside data and seed."""
        if key not in self._known:
            self._known[key] = compute()
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        found: _Found = self._known[key]
        return found


class _Observing(fx.Interpreter):
    """Runs a graph and hands the values of some nodes out."""

    def __init__(self, module: fx.GraphModule, observers: Mapping[str, Callable[[torch.Tensor], None]]) -> None:
        super().__init__(module)
        self._observers = observers

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        observer = self._observers.get(n.name)
        if observer is not None:
            if not isinstance(value, torch.Tensor):
                msg = (
                    f"Node {n.name!r} ({n.target}) gives {type(value).__name__}, and only tensors can be observed. "
                    "Observe the nodes that pick its parts (`getitem`)."
                )
                raise RecipeError(msg)
            observer(value)
        return value


def _flat(network: Network | None, inputs: Any) -> list[torch.Tensor]:
    if network is None:
        return flatten(inputs)[0]
    return batch.flat(network, inputs)


def _not_finite(loss: float, split: str, number: int) -> str:
    return (
        f"The task's loss is {loss} on batch {number} of {split}. Gradients of it would say nothing. "
        "Look for values that are not finite in the data (`task.check()` finds them) and in the model's weights."
    )
