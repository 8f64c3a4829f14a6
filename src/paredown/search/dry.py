"""What a search would do: how long a training step takes is measured, nothing is trained."""

import dataclasses
import shutil
import tempfile
from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING

from paredown.budget import Budget, duration
from paredown.recipe.picks import Picks
from paredown.recipe.progress import Progress
from paredown.recipe.strategy import Answer, propose
from paredown.run.labels import FAMILIES, label
from paredown.run.settings import Settings
from paredown.search.arms import arms
from paredown.search.compress import FILES, check_inputs, family_names, informed, pace_of, session, space_of
from paredown.search.given import Given
from paredown.search.plan import Allocation, Pace, allocate, epochs_in, reserve, rungs
from paredown.search.probing import Prober
from paredown.search.space import Proposals, Space
from paredown.search.tpe import TRIES, ParzenEstimator
from paredown.targets import Target
from paredown.trial.bench import Bench

if TYPE_CHECKING:
    from paredown.task import Task

__all__ = ["DryRun", "Planned", "dry_run"]


@dataclasses.dataclass(frozen=True)
class Planned:
    """One recipe that would be tried.

    Attributes:
        label: short name.
        role: ``arm``, ``control`` or ``trial``.
        seconds: expected, training and everything else.
        epochs: of its longest training.

    """

    label: str
    role: str
    seconds: float
    epochs: float


@dataclasses.dataclass(frozen=True)
class DryRun:
    """What would be tried. The proposals after the first depend on results, so they are examples.

    Attributes:
        candidates: in order.
        seconds: expected for the whole run.
        disk: expected bytes of the run directory.
        free: bytes free where the run directory would be.
        pace: measured: seconds of a training step, of a measuring process, and so on.

    """

    candidates: tuple[Planned, ...]
    seconds: float
    disk: int
    free: int
    pace: Pace

    def __str__(self) -> str:
        lines = [
            f"{plan.seconds:7.0f} s  {plan.role:8} {plan.label} ({plan.epochs:g} epochs)" for plan in self.candidates
        ]
        total = f"About {self.seconds:.0f} s and {self.disk / 1e6:.0f} MB ({self.free / 1e9:.1f} GB are free)."
        return "\n".join([*lines, total])


def dry_run(  # noqa: PLR0913 (one call, everything about it in sight)
    task: "Task",
    budget: Budget,
    *,
    target: Target | None = None,
    time: str = "30 min",
    seed: int = 0,
    families: Iterable[ModuleType | str] | ModuleType | str = FAMILIES,
    progress: Progress | None = None,
) -> DryRun:
    """Say what `compress` would try, how long that takes and how much disk it needs.

    The original is captured, lowered and timed, and a few training steps are made on a scratch copy; nothing is kept.

    Args:
        task: model, data, loss, score.
        budget: limits.
        target: runtime; `targets.default()`, ONNX Runtime with one thread, where not given.
        time: what the run would be given.
        seed: of the proposals.
        families: that may be used.
        progress: told what is being done.

    Raises:
        InputError: task, budget, time or families cannot work.

    """
    chosen = Given("dry_run", task, target).check_with(budget)
    settings = Settings("compress", budget, chosen, duration(time), seed, family_names(families))
    check_inputs(task, budget)
    with tempfile.TemporaryDirectory(prefix="paredown-") as scratch:
        with session(task, settings, scratch, progress) as held:
            original = held.trials.original()
            space = space_of(held)
            pace = pace_of(held, space, original)
            space = informed(space, held, pace)
            prober = Prober(held.trials, space, budget, original)
            planned = _planned(held.bench, space, prober, pace, settings)
            network = held.ledger.blobs.path(original.network).stat().st_size
        rows = len(task.data.work.select) * 8 * (1 + len(task.guards)) + task.data.judge.count * 8
        each = network * 2 + original.size.bytes + rows
    return DryRun(
        candidates=planned,
        seconds=min(settings.seconds, held.bench.clock.used() + sum(plan.seconds for plan in planned)),
        disk=each * (len(planned) + 2),
        free=shutil.disk_usage(".").free,
        pace=pace,
    )


def _planned(bench: Bench, space: Space, prober: Prober, pace: Pace, settings: Settings) -> tuple[Planned, ...]:
    plans = arms(space, prober)
    left = bench.clock.left()
    keep = reserve(left, pace, FILES, bench.task.data.judge.count)
    allocation = allocate(left - keep, pace, tuple(plan.name for plan in plans if plan.picks.trains))
    found = [
        _one(space, pace, plan.picks, plan.role, allocation.arm, plan.label)
        for plan in plans
        if not plan.picks.trains or plan.name in allocation.arms
    ]
    return (*found, *_race(space, prober, pace, allocation, settings.seed))


def _race(space: Space, prober: Prober, pace: Pace, allocation: Allocation, seed: int) -> list[Planned]:
    proposals = Proposals(space, prober.share)
    history: list[Answer[Picks]] = []
    found: list[Planned] = []
    for _ in range(allocation.candidates):
        proposal = propose(ParzenEstimator(), proposals, history, seed, TRIES)
        if proposal is None:
            break
        found.append(_one(space, pace, proposal.candidate, "trial", allocation.rung))
        history.append(Answer(proposal))
    asked = [answer.candidate for answer in history if not answer.repeated]
    ladder = () if allocation.short else rungs(len(asked), allocation.rung, allocation.last)[1:]
    for count, seconds in ladder:
        found += [
            _one(space, pace, picks, "trial", seconds, f"{label(space.recipe(picks))}, trained on")
            for picks in asked[:count]
        ]
    return found


def _one(space: Space, pace: Pace, picks: Picks, role: str, seconds: float, name: str = "") -> Planned:  # noqa: PLR0913, PLR0917
    training = max(0.0, seconds - pace.scoring(picks))
    epochs = epochs_in(training, pace.epoch(picks), pace.steps) if picks.trains else 0.0
    taken = pace.training(picks, epochs) if picks.trains else 0.0
    return Planned(name or label(space.recipe(picks)), role, pace.overhead + taken, epochs)
