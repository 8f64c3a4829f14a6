"""A run without networks: trainings and trials take the seconds that they would, on a clock that nobody waits for."""

import contextlib
import dataclasses
import functools
import types

import numpy as np

from paredown import codec, scores
from paredown.measure import quality
from paredown.measure.size import Size
from paredown.recipe import Train
from paredown.recipe.situation import Situation
from paredown.run.account import Account
from paredown.run.ledger import Ledger
from paredown.run.results import Shape, TrialResult
from paredown.run.summary import StepSummary
from paredown.search import rates
from paredown.search.plan import Pace
from paredown.search.searching import Searching
from paredown.search.space import Space
from paredown.testing.bench import small_bench
from paredown.trial.clock import Clock

PACE = Pace(step=0.1, teacher=0.03, steps=100, overhead=2.0, process=0.5, predict=1e-4, evaluate=0.4)


@functools.cache
def space(seed=0, **settings):
    """Of a small network with a block, on a target that runs everything in 8 bits."""
    bench = small_bench()
    evidence = bench.evidence()
    evidence.seed = seed
    return Space(Situation(bench.network, evidence), **settings)


class Silent:
    """Nobody looks."""

    def begin(self, doing):
        pass


class Prober:
    """Everything can be cut to a half, and meets the budget then."""

    bounds = types.MappingProxyType({"latency": 1.0})

    def __init__(self, space):
        self.space = space

    def share(self, picks, aim):
        return round(0.5 * aim, 3)

    def least(self, picks):
        return 0.1

    def measure(self, candidates):
        return [Shape(picks.size, picks.quantized, picks.kind, {"latency": 0.5}) for picks in candidates]

    def aim(self, picks, aim, tries):
        return picks

    def expected(self, picks):
        return self.measure([picks])[0]

    def excess(self, shape):
        return {"latency": -0.5}

    def attainable(self, slack):
        return True


@dataclasses.dataclass
class World:
    """A run of so many seconds.

    Attributes:
        directory: for the ledger.
        seconds: of the run.
        pace: as it was measured.
        slow: how many times as long a step really takes.
        level: of the loss in a range test; where it is high, rates that do harm lie high.
        fixed: seconds that every training takes beside steps and scoring.

    """

    directory: object
    seconds: float
    pace: Pace = PACE
    slow: float = 1.0
    fixed: float = 0.0
    level: float = 2.0
    time: float = 0.0
    tests: list = dataclasses.field(default_factory=list)
    made: list = dataclasses.field(default_factory=list)

    def __post_init__(self):
        self.ledger = Ledger(self.directory)
        self.task = types.SimpleNamespace(score=scores.accuracy)
        self.clock = Clock(self.seconds, now=lambda: self.time)
        self.account = Account(now=lambda: self.time)
        self.progress, self.evidence, self.threads, self.seed = Silent(), None, 1, 0
        self.bench = self
        self.space = space()
        self.original = self._result((), 0.0)

    def searching(self, budget, **space):
        self.space = dataclasses.replace(self.space, **space)
        return Searching(self, self.space, Prober(self.space), budget, self.original, self.pace, 0.0)

    def make(self, steps, deadline=None):
        return types.SimpleNamespace(network=len(steps))

    def tested(self, settings, network, evidence):
        """A range test of the original (no transforms) or of a network cut to a half."""
        took = settings.optimizer.lr.steps * 4 / 3 * self.pace.step * (0.3 + 0.7 * (0.465 if network else 1.0))
        self.tests.append(took)
        self.time += took
        return [1e-4, 1e-3, 1e-2], [-0.1, -1.0, 9.0], self.level

    def run(self, role, steps, *, seconds=None, name="", timing=True, forgive=True):
        trainings = [step for step in steps if isinstance(step, Train)]
        cut = any(type(step).__name__ in {"Channels", "Slim"} for step in steps)
        kinds = [type(step).__name__ for step in steps]
        aware = "Int8" in kinds[: kinds.index("Train")] if trainings else False
        size = (0.3 + 0.7 * (0.465 if cut else 1.0)) * (2.1 if aware else 1.0)
        new = trainings[-1:]  # those before it come from the ledger
        made = sum(round(step.epochs * self.pace.steps) for step in new)
        taught = any(thing.taught for step in new for thing in step.using)
        each = self.slow * (self.pace.step * size + self.pace.teacher * taught)
        beside = self.fixed * len(new)
        whole = made * (each + self.pace.evaluate * size / self.pace.steps) + len(new) * self.pace.evaluate * size
        if seconds is not None and beside + whole > seconds:
            made = int(made * max(0.0, seconds - beside) / whole)
            whole = max(0.0, seconds - beside)
        stepping, took = made * each, beside + whole
        self.time += self.pace.overhead + took
        identity = codec.fingerprint(role, codec.encode(tuple(steps)))
        self.ledger.start(identity, role, name or f"{role} {len(self.made)}", codec.encode(tuple(steps)))
        result = dataclasses.replace(self._result(trainings, took), stepping=stepping, made=made)
        self.ledger.finish(identity, result, self.pace.overhead + took)
        self.made.append((role, name, tuple(steps)))
        return self.ledger.trial(identity)

    def _result(self, trainings, took):
        steps = tuple(
            StepSummary("Train()", "train", "", 1.0, 1, 1, ({"epoch": step.epochs, "step": step.epochs * 100.0},))
            for step in trainings
        )
        rows = np.ones((200, 1))
        rows[:10] = 0.0
        lost = rows.copy()
        lost[10:13] = 0.0
        found = quality(lost if trainings else rows, rows, scores.accuracy)
        return TrialResult("f", "n", {}, Size(100, 100, 100), 10, 10, steps, found, ms=0.5, trained=took)


@contextlib.contextmanager
def world(directory, seconds, monkeypatch, **settings):
    """A pretended run; range tests cost time on its clock."""
    made = World(directory, seconds, **settings)
    monkeypatch.setattr(rates, "curve", made.tested)
    try:
        yield made
    finally:
        made.ledger.close()
