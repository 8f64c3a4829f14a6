"""Commands that search: compress, compare, apply, resume, report."""

import contextlib
import dataclasses
import datetime as dt
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paredown.cli import exits, progress, tasks
from paredown.errors import InputError
from paredown.trust import in_json, one_line

if TYPE_CHECKING:
    from paredown.budget import Budget
    from paredown.cli.place import Place
    from paredown.run.summary import RunSummary
    from paredown.search import Run
    from paredown.task import Task

__all__ = [
    "Order",
    "apply",
    "compare",
    "compress",
    "compress_task",
    "directory",
    "dry_run",
    "report",
    "resume",
]


@dataclasses.dataclass(frozen=True)
class Order:
    """How a run shall be carried out, as typed."""

    time: str
    out: Path | None
    seed: int
    as_json: bool


def directory(name: str) -> Path:
    """Where a run goes when nobody says: ``runs/<task>-<date>-<time>``."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower() or "task"
    return Path("runs") / f"{words}-{dt.datetime.now().astimezone():%Y%m%d-%H%M%S}"


def _budget(limits: Mapping[str, str], guards: Sequence[str]) -> "Budget":
    from paredown.budget import Budget  # noqa: PLC0415

    found = {}
    for text in guards:
        name, equals, limit = text.partition("=")
        if not equals:
            msg = f"--guard {text!r} was given. A guard is NAME=LIMIT. Type for example --guard worst_class=1pt."
            raise InputError(msg)
        found[name] = limit
    words: dict[str, Any] = dict(limits)
    return Budget(**words, guards=found) if found else Budget(**words)


@contextlib.contextmanager
def _resumable(out: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as error:
        raise exits.Interrupted(out) from error
    except SystemExit:  # SIGTERM
        progress.say(f"paredown: ended from outside: nothing is lost. Go on with: paredown resume {out}")
        raise


def compress(reference: str, limits: Mapping[str, str], guards: Sequence[str], place: "Place", order: Order) -> int:
    """``paredown compress``."""
    _budget(limits, guards)  # a wrong budget is told before a slow task is imported
    return compress_task(tasks.load(reference), limits, guards, place, order)


def compress_task(task: "Task", limits: Mapping[str, str], guards: Sequence[str], place: "Place", order: Order) -> int:
    """Compress a task that is at hand."""
    from paredown import search  # noqa: PLC0415

    out = order.out or directory(task.name)
    with _resumable(out), progress.shown("starting") as bar:
        run = search.compress(
            task,
            _budget(limits, guards),
            target=place.build(),
            time=order.time,
            out=out,
            seed=order.seed,
            progress=bar,
        )
    return _finish(run, as_json=order.as_json)


def compare(reference: str, arms: Sequence[str], place: "Place", order: Order, *, seeds: int) -> int:
    """``paredown compare``."""
    from paredown import search  # noqa: PLC0415
    from paredown.cli import steps  # noqa: PLC0415

    chosen = [steps.arm(word) for word in arms]
    task = tasks.load(reference)
    out = order.out or directory(task.name)
    with _resumable(out), progress.shown("starting") as bar:
        run = search.compare(
            task,
            chosen,
            target=place.build(),
            time=order.time,
            out=out,
            seed=order.seed,
            seeds=seeds,
            progress=bar,
        )
    return _finish(run, as_json=order.as_json)


def apply(reference: str, words: Sequence[str], place: "Place", order: Order) -> int:
    """``paredown apply``."""
    from paredown import search  # noqa: PLC0415
    from paredown.cli import steps  # noqa: PLC0415

    recipe = steps.recipe(list(words))
    task = tasks.load(reference)
    out = order.out or directory(task.name)
    with _resumable(out), progress.shown("starting") as bar:
        applied = search.apply(task, recipe, target=place.build(), out=out, seed=order.seed, progress=bar)
    return _finish(applied.run, as_json=order.as_json)


def resume(out: Path, *, as_json: bool, trust: bool = False) -> int:
    """``paredown resume``: of a run that is finished and has its best file, only the report is written anew."""
    from paredown.run.certifying import has_certificate  # noqa: PLC0415
    from paredown.run.reading import read  # noqa: PLC0415
    from paredown.run.summarise import summarise  # noqa: PLC0415

    record = read(out)
    if record.status == "finished" and record.chosen is not None:
        file = out / f"best{record.settings.target.suffix}"
        if has_certificate(file, record.trial(record.chosen.best).result.sha256, record.settings.target):
            progress.say(f"Best file: {file}")
            return _show(summarise(record), out, as_json=as_json)
    return _resume(out, as_json=as_json, trust=trust)


def _resume(out: Path, *, as_json: bool, trust: bool) -> int:
    from paredown import search  # noqa: PLC0415 (torch is heavy, and a finished run does without)

    with _resumable(out):
        task = tasks.of_run(out)
        with progress.shown("starting") as bar:
            run = search.resume(out, task=task, progress=bar, trust=trust)
    return _finish(run, as_json=as_json)


def report(run: Path, *, out: Path | None, as_json: bool) -> int:
    """``paredown report``: whatever state the run is in."""
    from paredown.run.reading import read  # noqa: PLC0415
    from paredown.run.summarise import summarise  # noqa: PLC0415

    _show(summarise(read(run)), run, as_json=as_json, page=out)
    return exits.OK


def dry_run(  # noqa: PLR0913 (one call, everything about it in sight)
    reference: str, limits: Mapping[str, str], guards: Sequence[str], place: "Place", *, time: str, as_json: bool
) -> int:
    """``paredown compress --dry-run``."""
    from paredown import search  # noqa: PLC0415
    from paredown.report import numbers  # noqa: PLC0415

    budget = _budget(limits, guards)
    found = search.dry_run(tasks.load(reference), budget, target=place.build(), time=time)
    if as_json:
        _print(in_json(json.dumps(dataclasses.asdict(found), indent=2, default=str)))
        return exits.OK
    _print("Would be tried (what follows the first proposals depends on results):")
    for plan in found.candidates:
        _print(f"  {plan.role:8} {numbers.duration(plan.seconds):>12}  {one_line(plan.label)}")
    disk, free = (numbers.quantity(size, "bytes").text for size in (found.disk, found.free))
    _print(f"In all {numbers.duration(found.seconds)} and {disk} of disk ({free} are free).")
    return exits.OK


def _finish(run: "Run", *, as_json: bool) -> int:
    """Write the best file and the report into the run's directory, and tell."""
    summary = run.summary()
    best = next((c for c in summary.candidates if c.best), None)
    if best is not None:
        file = run.best.save(run.directory / f"best{run.best.target.suffix}")
        progress.say(f"Best file: {file}")
    return _show(summary, run.directory, as_json=as_json)


def _show(summary: "RunSummary", out: Path, *, as_json: bool, page: Path | None = None) -> int:
    from paredown import report as writer  # noqa: PLC0415
    from paredown.trust import write_whole  # noqa: PLC0415

    page = page or out / "report.html"
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        write_whole(page, writer.html(summary))
    except OSError as error:  # a full disk does not say which file it was
        raise OSError(error.errno, error.strerror, str(page)) from error
    if as_json:
        _print(writer.json(summary))
    else:
        writer.terminal(summary, progress.stdout())
        progress.say(f"Report: {page}")
    met = summary.met or (summary.met is None and not summary.limits)
    return exits.OK if met else exits.NOT_MET


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
