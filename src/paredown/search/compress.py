"""The search from a task and a budget to a certified file."""

import contextlib
import dataclasses
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast

from paredown.budget import Budget, duration
from paredown.errors import InputError
from paredown.recipe.progress import Progress
from paredown.recipe.situation import Situation
from paredown.run import entries as run
from paredown.run.account import Account, Purpose
from paredown.run.enough import short_of
from paredown.run.labels import FAMILIES
from paredown.run.ledger import Ended, Ledger, TrialRecord
from paredown.run.results import TrialResult
from paredown.run.settings import About, Settings, begin, known_settings, stored
from paredown.search import entries
from paredown.search.baseline import measure_pace
from paredown.search.ending import Ending, shortlist
from paredown.search.explaining import explain
from paredown.search.given import Given
from paredown.search.interrupts import terminable
from paredown.search.plan import Pace, reserve
from paredown.search.probing import Prober
from paredown.search.rounding import look_inside
from paredown.search.run import Run
from paredown.search.searching import Searching
from paredown.search.space import Space
from paredown.targets import Target
from paredown.trial.bench import Bench, captured
from paredown.trial.clock import Clock
from paredown.trial.trials import Trials

if TYPE_CHECKING:
    from paredown.task import Task

__all__ = [
    "FILES",
    "Session",
    "check_inputs",
    "compress",
    "end",
    "family_names",
    "informed",
    "new_directory",
    "pace_of",
    "session",
    "space_of",
]

FILES, _LEAST_FILES = 12, 7  # in the final comparison, the original not counted
_LONG = 900.0  # seconds from which every trial's latency is measured with an interval


@dataclasses.dataclass(frozen=True)
class Session:
    """A run directory held open, and everything that works in it; `finished` where no time is left to use."""

    ledger: Ledger
    settings: Settings
    about: About
    bench: Bench
    trials: Trials
    finished: bool = False


def compress(  # noqa: PLR0913 (one call, everything about it in sight)
    task: "Task",
    budget: Budget | None = None,
    *,
    target: Target | None = None,
    time: str = "30 min",
    out: str | Path | None = None,
    seed: int = 0,
    families: Iterable[ModuleType | str] | ModuleType | str = FAMILIES,
    progress: Progress | None = None,
) -> Run:
    """Find the smallest and fastest file within a budget, and compare the five families on the way.

    Recipes of the families, alone and combined, in several orders, are tried as files on the target's runtime. The
    run ends with its best file, the frontier, and the limit that binds, whether the budget can be met or not.

    Args:
        task: model, data, loss, score.
        budget: limits; the first-named quantity is made as small as the others allow.
        target: runtime; `targets.default()`, ONNX Runtime with one thread, where not given.
        time: for everything, for example ``"30 min"``. Fewer recipes are tried when it is short, never none.
        out: run directory; a new one below ``runs`` by default. A directory that holds the same run, interrupted, is
            gone on with.
        seed: of everything random.
        families: modules such as `paredown.prune`; all five by default.
        progress: told what is being done, and how much of the time is used.

    Raises:
        InputError: task, budget, time or families cannot work; nothing was started.
        LedgerError: the run directory cannot be used.
        LoweringError: the target cannot take the original.

    """
    chosen = Given("compress", task, target).check_with(budget)
    settings = Settings("compress", budget, chosen, duration(time), seed, family_names(families))
    check_inputs(task, cast("Budget", budget))  # none at all was refused above
    with session(task, settings, out, progress) as held:
        if not held.finished:
            _search(held)
    return Run(held.ledger.directory)


def check_inputs(task: "Task", budget: Budget) -> None:
    """Everything that can be wrong with a task and a budget together, before any work.

    Raises:
        InputError: with what to type instead.

    """
    task.check()
    budget.check(task.score.unit)
    unknown = [name for name in budget.guards if name not in task.guards]
    if unknown:
        known = f"it has {', '.join(task.guards)}" if task.guards else "it has none"
        msg = (
            f"The budget guards {', '.join(unknown)}, and the task has no such score ({known}). "
            f"Type Task(..., guards={{{unknown[0]!r}: score}})."
        )
        raise InputError(msg)


def family_names(families: Iterable[ModuleType | str] | ModuleType | str) -> tuple[str, ...]:
    """Names of families given as modules (one, or several), in the usual order.

    Raises:
        InputError: something is no family, or there is none.

    """
    several = (families,) if isinstance(families, (str, ModuleType)) else tuple(families)
    given = [thing if isinstance(thing, str) else getattr(thing, "__name__", repr(thing)) for thing in several]
    names = [name.rpartition(".")[2] for name in given]
    strange = [name for name in names if name not in FAMILIES]
    if strange or not names:
        what = f"families={', '.join(strange)} was given" if strange else "No family was given"
        msg = f"{what}. The families are {', '.join(FAMILIES)}. Type families=[paredown.prune, paredown.quantize]."
        raise InputError(msg)
    return tuple(name for name in FAMILIES if name in names)


def new_directory(title: str) -> Path:
    """A directory name below ``runs`` that is not taken."""
    name = "".join(letter if letter.isalnum() else "-" for letter in title.lower()).strip("-") or "run"
    base = Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    return next(path for n in range(1000) if not (path := Path(f"{base}-{n}" if n else base)).exists())


@contextlib.contextmanager
def session(task: "Task", settings: Settings, out: str | Path | None, progress: Progress | None) -> Iterator[Session]:
    """Hold the run directory, mark how the run ended, and leave it resumable whatever happens.

    Raises:
        CaptureError: the model cannot be captured; no directory was made.
        LoweringError: the target's runtime is not installed; no directory was made.
        LedgerError: the run directory cannot be used.

    """
    settings = dataclasses.replace(settings, reference=task.reference)
    settings.target.version()
    start, account = time.monotonic(), Account()
    with account.spent(Purpose.CAPTURE):
        network = captured(task)
    directory = Path(out) if out is not None else new_directory(task.name or type(task.model).__name__)
    with terminable(), Ledger(directory) as ledger:
        before = known_settings(ledger)
        begin(ledger, settings, task)
        settings, about = stored(ledger)
        finished = before is not None and run.STATUS.read(ledger) == "finished" and settings.seconds <= before.seconds
        run.STATUS.write(ledger, "running")
        account.include(run.SECONDS_BY_PURPOSE.read(ledger) or {})
        clock = Clock(settings.seconds, (run.SECONDS_USED.read(ledger) or 0.0) + time.monotonic() - start)
        try:
            bench = Bench(
                task,
                settings.target,
                ledger,
                clock,
                seed=settings.seed,
                progress=progress,
                network=network,
                account=account,
            )
            trials = Trials(bench, thorough=settings.seconds >= _LONG)
            yield Session(ledger, settings, about, bench, trials, finished)
        except BaseException as error:
            run.STATUS.write(ledger, "interrupted")
            ledger.event(Ended(f"{type(error).__name__}: {error}"))
            raise
        finally:
            with ledger.together():
                run.SECONDS_USED.write(ledger, clock.used())
                run.SECONDS_BY_PURPOSE.write(ledger, account.seconds)
        run.STATUS.write(ledger, "finished")


def space_of(held: Session) -> Space:
    """What may be proposed for this task and target."""
    bench = held.bench
    situation = Situation(
        bench.network,
        bench.evidence,
        budget=held.settings.budget,
        seconds=held.settings.seconds,
        make=lambda steps: bench.make(steps).network,
    )
    return Space(situation, frozenset(held.settings.families))


def _search(held: Session) -> None:
    """All phases; whatever the ledger knows already is not done again."""
    bench, ledger = held.bench, held.ledger
    budget = held.settings.budget
    bench.progress.begin("the original")
    original = held.trials.original()
    space = space_of(held)
    pace = pace_of(held, space, original)
    space = informed(space, held, pace)
    held.trials.nothing()
    if budget is not None:
        judge = bench.task.data.judge.count
        keep = entries.RESERVE.once(ledger, lambda: reserve(bench.clock.left(), pace, FILES, judge))
        prober = Prober(held.trials, space, budget, original)
        Searching(held.trials, space, prober, budget, original, pace, keep).run()
    end(held, pace)


def pace_of(held: Session, space: Space, original: TrialResult) -> Pace:
    """How long things take on this machine; trainings use the threads that were measured to be fast from now on."""
    pace = entries.PACE.once(held.ledger, lambda: measure_pace(held.bench, space, original))
    held.bench.threads = pace.threads
    return pace


def informed(space: Space, held: Session, pace: Pace) -> Space:
    """The space with what was measured: how long trainings take, and how much time there is."""
    seconds = entries.GIVEN.once(held.ledger, lambda: held.settings.seconds)
    return dataclasses.replace(space, situation=dataclasses.replace(space.situation, timings=pace, seconds=seconds))


def end(held: Session, pace: Pace, most: int = FILES, least: int = _LEAST_FILES) -> None:
    """Choose, measure, judge and decide.

    Args:
        held: the run.
        pace: how long things take.
        most: files besides the original.
        least: files that are measured even if there is no time.

    """
    bench, ledger = held.bench, held.ledger
    first, *others = ledger.trials()
    judge = bench.task.data.judge.count
    unripe = _unripe(held, others)

    def choose() -> tuple[str, ...]:
        each = pace.ending(1, judge, 3) - pace.ending(0, judge, 3)
        affordable = int(bench.clock.left() / max(each, 1e-6)) - 1
        count = max(least, min(most, affordable))
        return shortlist(others, first, held.settings.budget, bench.task.score, count, unripe=unripe)

    files = run.SHORTLIST.once(ledger, choose)
    ending = Ending(bench, held.settings.budget, pace, held.about.run, unripe)
    chosen, finals = ending.carry_out(files)
    best = ledger.trial(chosen.best)
    if best is not None:
        look_inside(bench, best)
    run.FINDINGS.write(ledger, [*explain(ledger, held.settings, held.about, chosen, finals, held.bench.network.lost)])


def _unripe(held: Session, records: Iterable[TrialRecord]) -> frozenset[str]:
    """Arms and controls of a search that were trained too little to speak for their technique, by trial.

    Whoever asks for a comparison is shown it all the same.
    """
    if held.settings.command != "compress":
        return frozenset()
    measured = (record for record in records if record.state == "measured" and record.role in {"arm", "control"})
    return frozenset(record.id for record in measured if short_of(record.result))
