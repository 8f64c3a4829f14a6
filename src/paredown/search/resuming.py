"""Going on with a run that was interrupted."""

from pathlib import Path

from paredown.codec import decode
from paredown.errors import InputError
from paredown.recipe.progress import Progress
from paredown.run import entries
from paredown.run.ledger import Ledger
from paredown.run.results import TrialResult
from paredown.run.settings import Settings, stored
from paredown.search.applying import apply
from paredown.search.comparing import compare
from paredown.search.compress import compress
from paredown.search.run import Run
from paredown.task import Task
from paredown.trust import Programs

__all__ = ["resume"]


def resume(
    directory: str | Path,
    *,
    task: "Task | None" = None,
    time: str | None = None,
    progress: Progress | None = None,
    trust: bool = False,
) -> Run:
    """Go on with a run; at most the trial that was in flight is lost. A finished run is returned as it is.

    Args:
        directory: of the run.
        task: the task, where the run does not know a ``module:name`` to load it from.
        time: a new limit for the whole run, what was used before included.
        progress: told what is being done.
        trust: whoever made the run may run programs here: its compiled packages are taken for this user's own.

    Raises:
        InputError: the task cannot be found, or is another one.
        LedgerError: there is no run, or it is in use.
        TrustError: a file of the run is a program that was not made here, and `trust` was not given.

    """
    with Ledger(directory, writable=False) as ledger:
        settings, _ = stored(ledger)
        status = entries.STATUS.read(ledger)
        if trust:
            _vouch(ledger)
    if status == "finished":
        return Run(directory)
    task = task or _loaded(settings, directory)
    span = time or f"{settings.seconds:.3f} s"
    if settings.command == "compress" and settings.budget is not None:
        return compress(
            task,
            settings.budget,
            target=settings.target,
            time=span,
            out=directory,
            seed=settings.seed,
            families=settings.families,
            progress=progress,
        )
    recipes = {name: decode(recipe) for name, recipe in settings.recipes.items()}
    if settings.command == "apply":
        steps = recipes["recipe"]
        return apply(task, steps, target=settings.target, out=directory, seed=settings.seed, progress=progress).run
    return compare(
        task,
        *settings.families,
        *([recipes] if recipes else []),
        target=settings.target,
        time=span,
        out=directory,
        seeds=settings.seeds,
        seed=settings.seed,
        budget=settings.budget,
        progress=progress,
    )


def _vouch(ledger: Ledger) -> None:
    """Take the files that a run measured for files that were made here."""
    programs = Programs()
    for trial in ledger.trials():
        if isinstance(trial.result, TrialResult):
            programs.add(trial.result.sha256)


def _loaded(settings: Settings, directory: str | Path) -> "Task":
    if not settings.reference:
        msg = (
            f"The run in {directory} was started with a task from a script, which cannot be loaded from here. Start the "
            f"script again (it goes on where it was), or type paredown.resume({str(directory)!r}, task=task)."
        )
        raise InputError(msg)
    return Task.load(settings.reference)
