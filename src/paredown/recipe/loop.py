"""The training loop."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, TypeVar

import torch
from torch import nn

from paredown.errors import RecipeError, TrainingError
from paredown.graph import mode
from paredown.graph.network import Network
from paredown.recipe import batch
from paredown.recipe.ahead import ahead
from paredown.recipe.clip import clip
from paredown.recipe.compiled import compiled, telling
from paredown.recipe.engine import fabric_for, plain
from paredown.recipe.evidence import Evidence
from paredown.recipe.ingredient import Hook, Step, Targets, TrainContext, Update, label
from paredown.recipe.layout import Layout
from paredown.recipe.meter import Meter
from paredown.recipe.optimizers import Auto, groups
from paredown.recipe.pace import Pace
from paredown.recipe.progress import Progress, Silent
from paredown.recipe.randomness import derive, isolated
from paredown.recipe.range_test import range_test
from paredown.recipe.taps import Taps
from paredown.recipe.train import Train
from paredown.recipe.zeros import Zeros

__all__ = ["Job", "Loop", "TrainResult"]

_Agreed = TypeVar("_Agreed")

_COOL_DOWN = 0.2  # of the steps made, for a schedule that patience cuts short
_COLD = 0.02  # a rate so near to the last one, as a share of the highest, has come down


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """What a training gave.

    Attributes:
        network: the trained copy, in eval mode, on the CPU.
        history: one row per epoch: ``epoch``, ``step``, ``loss``, every term, ``select``, ``lr``, ``seconds``.
        lr: highest learning rate used.
        seconds: the whole training, evaluations and range test included.
        steps: optimizer steps made.
        stopped: ``end``, ``patience`` or ``deadline``.
        stepping: seconds of these steps alone.
        testing: seconds of the range test; 0 where the learning rate was given.

    """

    network: Network
    history: tuple[Mapping[str, float], ...]
    lr: float
    seconds: float
    steps: int
    stopped: str
    stepping: float = 0.0
    testing: float = 0.0

    @property
    def stopped_early(self) -> bool:
        """Whether the training ended before its planned steps."""
        return self.stopped != "end"


@dataclasses.dataclass(frozen=True)
class Job:
    """What a training is given; see `Train.fit`."""

    network: Network
    evidence: Evidence
    original: Network
    progress: Progress = dataclasses.field(default_factory=Silent)
    deadline: float | None = None


class _Student(nn.Module):
    """What Fabric wraps: flat tensors in, flat outputs and taps out."""

    def __init__(self, network: Network, others: tuple[nn.Module, ...], run: Callable[..., Any]) -> None:
        super().__init__()
        self.network = network
        self.others = nn.ModuleList(others)
        self._run = run

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        mode.count_batches(self.network.graph_module)
        return self._run(*tensors)  # type: ignore[no-any-return]


@dataclasses.dataclass(frozen=True)
class _Batch:
    """What a step is made on; `examples` are indices in the training split."""

    inputs: Any
    targets: Targets
    examples: torch.Tensor


@dataclasses.dataclass(frozen=True)
class _Moment:
    """Where in the training a step is made; see `Update`."""

    number: int
    lr: float
    done: float
    left: int


class Loop:
    """One training: settings, a copy of the network, and the hooks at work on it."""

    def __init__(self, settings: Train, job: Job) -> None:
        self._settings = settings
        self._job = job
        self._evidence = job.evidence
        self._objective = job.evidence.objective

    def run(self) -> TrainResult:
        """Train; see `Train.fit`."""
        pace = Pace(self._settings.steps(self._evidence.work), self._job.deadline)
        if pace.over():
            return TrainResult(self._job.network.copy().eval(), (), 0.0, 0.0, 0, "deadline")
        with isolated(derive(self._settings.seed, "train")), torch.enable_grad():
            self._prepare()  # first: what does not fit is told before the search for a learning rate
            began = time.monotonic()
            self._lr = self._learning_rate()
            testing = time.monotonic() - began
            pace.resume()
            steps, stopped, history, best = self._train(pace)
            self._give_back(best)
        network, seconds, stepping = self._network, pace.seconds(), pace.stepping()
        return TrainResult(network, tuple(history), self._lr, seconds, steps, stopped, stepping, testing)

    def pace(self, steps: int, within: float = math.inf) -> float:
        """Median seconds of a step, from a few steps on a scratch copy; no further ones after `within` seconds."""
        with isolated(derive(self._settings.seed, "pace")), torch.enable_grad():
            self._prepare()
            clock, meter, step = Pace(steps + 1, None), Meter(1, finite=False), 0
            while step <= steps:
                for given in islice(self._batches(step), steps + 1 - step):
                    self._step(_Moment(step, 0.0, step / (steps + 1), steps - step), given, meter)
                    clock.tick()
                    step = step + 1 if clock.seconds() < within or not step else steps + 1
                    if step > steps:
                        break
        return clock.seconds_per_step()

    def _learning_rate(self) -> float:
        lr = self._settings.optimizer.lr
        return range_test(self._settings, self._job.network, self._evidence) if isinstance(lr, Auto) else lr

    def _prepare(self) -> None:
        """Copy, hooks, optimizer, Fabric."""
        settings = self._settings
        self._fabric = fabric_for(settings)
        self._network = self._job.network.copy().to(self._fabric.device).train()
        if not any(parameter.requires_grad for parameter in self._network.parameters()):
            msg = "Nothing can be trained: every parameter of this network is frozen. Set `requires_grad_(True)` first."
            raise RecipeError(msg)
        self._layout = Layout(self._network, self._fabric.device, settings.precision)
        self._layout.begin()
        self._zeros = Zeros(self._network)
        self._taps = Taps(self._network)
        context = self._context()
        self._hooks: list[tuple[str, Hook, torch.Generator]] = []
        for thing in settings.using:
            name = label(thing)
            name += f" {count}" if (count := sum(n.startswith(name) for n, _, _ in self._hooks) + 1) > 1 else ""
            generator = torch.Generator().manual_seed(derive(settings.seed, name))
            self._hooks.append(
                (name, thing.start(dataclasses.replace(context, seed=derive(settings.seed, name))), generator)
            )
        self._zeros.restore()
        others = tuple(module for _, hook, _ in self._hooks for module in hook.trained())
        fused = settings.precision != "16-mixed" and self._fabric.device.type in {"cpu", "cuda"}
        parameters = groups(self._network, settings.optimizer.weight_decay, others)
        self._trained = [p for group in parameters for p in group["params"]]
        optimizer = settings.optimizer.build(parameters, fused=fused)
        graph = self._network.graph_module
        student = _Student(self._network, others, compiled(graph) if settings.compiled else graph)
        self._module, self._optimizer = self._fabric.setup(student, optimizer)
        self._backward: Callable[[torch.Tensor], None] = self._fabric.backward
        if plain(settings):
            self._module, self._optimizer, self._backward = student, optimizer, torch.autograd.backward
        if settings.compiled:
            self._backward = telling(self._backward)

    def _context(self) -> TrainContext:
        settings, work = self._settings, self._evidence.work
        return TrainContext(
            network=self._network,
            original=self._job.original,
            evidence=self._evidence,
            device=self._fabric.device,
            steps=settings.steps(work),
            steps_per_epoch=settings.steps_per_epoch(work),
            seed=settings.seed,
            precision=settings.precision,
            autocast=self._fabric.autocast,
            tap=self._taps.add,
            tapped=self._taps.nodes,
            deadline=self._job.deadline,
        )

    def _train(self, pace: Pace) -> tuple[int, str, list[dict[str, float]], "_Best"]:
        settings = self._settings
        best = _Best(settings, higher_is_better=self._objective.score.higher_is_better)
        meter = Meter(1 if self._fabric.device.type == "cpu" else 16)
        history: list[dict[str, float]] = []
        step, epoch, stopped = 0, 0, ""
        while not stopped:
            for given in self._batches(epoch):
                middle, done = self._agree((pace.done(step + 0.5), pace.done(step + 1)))
                lr = self._lr * settings.schedule.factor(middle)
                self._step(_Moment(step, lr, done, pace.steps - step - 1), given, meter)
                step += 1
                pace.tick()
                self._job.progress.update(f"training, loss {meter.last:.4g}", step, pace.steps)
                stopped = self._agree("end" if step >= pace.steps else "deadline" if pace.over() else "")
                if stopped:
                    break
            epoch += 1
            for _, hook, _ in self._hooks:
                hook.epoch_end(epoch)
            row = {"epoch": step / settings.steps_per_epoch(self._evidence.work), "step": float(step), **meter.close()}
            self._check_finite(epoch)
            row |= {"lr": lr} | self._evaluate(best, pace)
            history.append(row | {"seconds": pace.seconds()})
            stopped = stopped or self._agree("deadline" if pace.over() else self._patience(best, pace, step))
            stopped = "patience" if stopped == "end" and pace.winding_down else stopped
        return step, stopped, history, best

    def _patience(self, best: "_Best", pace: Pace, step: int) -> str:
        """See whether it is over; a schedule that has not come down yet does so first."""
        if not best.exhausted() or pace.winding_down:
            return ""
        factor = self._settings.schedule.factor
        if factor(pace.done(step)) - factor(1.0) < _COLD:
            return "patience"
        more = max(math.ceil(_COOL_DOWN * step), self._settings.steps_per_epoch(self._evidence.work))
        if step + more < pace.steps:
            pace.wind_down(step, more)
        return ""

    def _batches(self, epoch: int) -> Iterator[_Batch]:
        settings, work, device = self._settings, self._evidence.work, self._fabric.device
        count = settings.steps_per_epoch(work) * settings.devices
        size, seed = settings.size(work), derive(settings.seed, "order", epoch)
        order = work.train.order(seed)
        read = work.train.ordered(order, size)
        if work.train.read_here:
            read = ahead(read)
        batches = zip(torch.split(torch.from_numpy(order), size), read, strict=True)
        for examples, (inputs, target) in islice(batches, self._fabric.global_rank, count, settings.devices):
            targets: Targets = ((1.0, target),)
            for _, hook, generator in self._hooks:
                inputs, targets = hook.batch(inputs, targets, generator)  # noqa: PLW2901 (each changes the last)
            inputs = batch.each(self._layout.put, batch.to(device, inputs))  # noqa: PLW2901
            targets = tuple((weight, batch.to(device, target)) for weight, target in targets)
            yield _Batch(inputs, targets, examples)

    def _step(self, at: _Moment, given: _Batch, meter: Meter) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = at.lr * group["factor"]

        def backward() -> dict[str, torch.Tensor]:
            for parameter in self._trained:
                parameter.grad = None
            terms = self._terms(at.number, given)
            self._backward(terms["loss"])
            self._clip()
            return terms

        meter.add(at.number, backward())
        if self._hooks:

            def again() -> None:
                if self._settings.precision == "16-mixed":  # gradients were unscaled once and are to be once more
                    scaler = self._fabric.strategy.precision.scaler  # type: ignore[attr-defined]
                    scaler.update(scaler.get_scale())
                backward()

            update = Update(at.number, self._network, self._optimizer, at.lr, again, at.done, at.left)
            for _, hook, _ in self._hooks:
                hook.before_step(update)
        self._optimizer.step()
        for _, hook, _ in self._hooks:
            hook.after_step(self._network)
        self._zeros.restore()

    def _clip(self) -> None:
        limit = self._settings.clip
        if self._settings.precision == "16-mixed" and (self._hooks or limit is not None):
            # gradients are scaled, and Fabric knows by how much; hooks see them without, also where nothing is clipped
            self._fabric.clip_gradients(
                self._module, self._optimizer, max_norm=limit or math.inf, error_if_nonfinite=False
            )
        elif limit is not None:
            clip(self._trained, limit)

    def _terms(self, number: int, given: _Batch) -> dict[str, torch.Tensor]:
        raw, taps = self._forward(given.inputs)
        outputs = self._objective.outputs(raw)
        losses = [self._task_loss(raw, outputs, target) for _, target in given.targets]
        task = losses[0]
        if len(losses) > 1:
            task = torch.stack([weight * loss for (weight, _), loss in zip(given.targets, losses, strict=True)]).sum()
        terms, total = {"task": task}, task
        if self._hooks:
            step = Step(number, given.inputs, given.targets, raw, outputs, taps, self._again, given.examples)
            for _, hook, _ in self._hooks:
                if (weight := hook.loss_weight()) != 1.0:  # a product with 1 costs a step forward and one backward
                    total = total * weight
            for name, hook, _ in self._hooks:
                term = hook.term(step)
                if term is not None:
                    terms[name] = term
                    total = total + term
        return {**terms, "loss": total}

    def _again(self, inputs: Any) -> Any:
        return self._objective.outputs(self._forward(inputs)[0])

    def _forward(self, inputs: Any) -> tuple[Any, dict[str, torch.Tensor]]:
        flat = self._module(*batch.flat(self._network, inputs))
        values = flat[len(flat) - len(self._taps.nodes) :]
        return self._network.out_structure.build(flat), dict(zip(self._taps.nodes, values, strict=True))

    def _task_loss(self, raw: Any, outputs: Any, target: Any) -> torch.Tensor:
        loss = self._objective.loss_of(raw, target)
        for _, hook, _ in self._hooks:
            loss = hook.loss(loss, outputs, target)
        return loss

    def _evaluate(self, best: "_Best", pace: Pace) -> dict[str, float]:
        """Score the weights as `Hook.finish` would leave them, then go on with those that are trained."""
        if self._settings.early is None:
            pace.resume()
            return {}
        began = time.monotonic()
        kept = self._finish()
        self._network.eval()
        score = self._agree(self._evidence.evaluate(self._network))
        best.see(score, self._network)
        if kept:
            _load(self._network, kept)
        self._network.train()
        pace.reserve(time.monotonic() - began)
        pace.resume()
        return {"select": score}

    def _agree(self, mine: _Agreed) -> _Agreed:
        """What the first process says, where several train: their clocks and batch statistics differ."""
        if self._settings.devices == 1:
            return mine
        said: _Agreed = self._fabric.broadcast(mine)
        return said

    def _finish(self) -> dict[str, torch.Tensor]:
        """Let hooks turn the weights into the final ones; gives the weights as they were where any hook does."""
        finishing = [hook for _, hook, _ in self._hooks if type(hook).finish is not Hook.finish]
        kept = _state(self._network) if finishing else {}
        with torch.no_grad():
            for hook in finishing:
                hook.finish(self._network)
        self._zeros.restore()
        return kept

    def _give_back(self, best: "_Best") -> None:
        if best.state:
            _load(self._network, best.state)
        else:
            self._finish()
        if self._settings.devices > 1:
            _load(self._network, self._agree(_state(self._network)))
        self._taps.remove()
        for _, hook, _ in reversed(self._hooks):
            hook.leave(self._network)
        self._zeros.leave()
        self._layout.end()
        for parameter in self._network.parameters():
            parameter.grad = None
        self._network.to("cpu").eval()

    def _check_finite(self, epoch: int) -> None:
        """Refuse weights and statistics that are not finite and that no loss has told of: the last step has none after it."""
        spoiled = [name for name, tensor in _named(self._network) if _newly_spoiled(name, tensor, self._job.network)]
        if spoiled:
            msg = (
                f"After epoch {epoch} there are values that are not finite in {', '.join(map(repr, spoiled[:3]))}"
                f"{f' and {len(spoiled) - 3} more' if len(spoiled) > 3 else ''}, though every loss was. The network that "
                "was given is unchanged. Gradients of a root or a norm at 0 do this, and batch norm over a single value "
                "per channel does: take batches of 2 or more (`batch_size=32`), or a smaller learning rate "
                "(`optimizer=AdamW(lr=1e-4)`)."
            )
            raise TrainingError(msg)


class _Best:
    """The best weights so far by the score on `select`."""

    def __init__(self, settings: Train, *, higher_is_better: bool) -> None:
        self._early = settings.early
        self._sign = 1.0 if higher_is_better else -1.0
        self._score = float("-inf")
        self._waited = 0
        self.state: dict[str, torch.Tensor] = {}

    def see(self, score: float, network: Network) -> None:
        minimum = self._early.minimum if self._early else 0.0
        rated = -math.inf if math.isnan(score) else self._sign * score
        if not self.state or rated > self._score + minimum:
            self._score = rated
            self._waited = 0
            self.state = _state(network)
        else:
            self._waited += 1

    def exhausted(self) -> bool:
        return self._early is not None and self._waited >= self._early.patience


def _newly_spoiled(name: str, tensor: torch.Tensor, given: Network) -> bool:
    """Whether a value holds what is not finite, and did not before (a mask may be infinite)."""
    if not tensor.is_floating_point() or bool(torch.isfinite(tensor).all()):
        return False
    before = dict(_named(given))[name]
    return bool(torch.isfinite(before).all())


def _named(network: Network) -> Iterator[tuple[str, torch.Tensor]]:
    return chain(network.named_parameters(), network.named_buffers())


def _state(network: Network) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in _named(network)}


@torch.no_grad()
def _load(network: Network, state: Mapping[str, torch.Tensor]) -> None:
    for name, tensor in _named(network):
        tensor.copy_(state[name])
