"""Going on with a run that was interrupted."""

from pathlib import Path

from paredown.codec import decode
from paredown.errors import InputError
from paredown.recipe.progress import Progress
from paredown.run import entries
from paredown.run.ledger import Ledger
from paredown.run.results import TrialResult
from paredown.run.settings import reference as task_of
from paredown.run.settings import stored
from paredown.search.applying import apply
from paredown.search.comparing import compare
from paredown.search.compress import compress
from paredown.search.run import Run
from paredown.task import Task
from paredown.trust import Programs

__all__ = ["reference", "resume"]


def reference(directory: str | Path) -> str:
    """``module:name`` of the task that `resume` would import; empty where the run is finished or knows none.

    Nothing is imported here: whoever is about to go on with a run that somebody else began can look first.

    Raises:
        LedgerError: there is no run.

    """
    with Ledger(directory, writable=False) as ledger:
        return "" if entries.STATUS.read(ledger) == "finished" else task_of(ledger)


def resume(
    directory: str | Path,
    *,
    task: "Task | None" = None,
    time: str | None = None,
    progress: Progress | None = None,
    trust: bool = False,
) -> Run:
    """Go on with a run; at most the trial that was in flight is lost. A finished run is returned as it is.

    The module of the task that the run names is imported, unless the task is given or the run is finished: look at
    `paredown.search.reference` first where somebody else began it.

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
        finished = entries.STATUS.read(ledger) == "finished"
        task = None if finished else task or _loaded(task_of(ledger), directory)
        if trust:
            _vouch(ledger)
        if task is None:
            return Run(directory)
        settings, _ = stored(ledger)  # techniques of the user's own are known only now that his task is imported
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


def _loaded(reference: str, directory: str | Path) -> "Task":
    if not reference:
        msg = (
            f"The run in {directory} was started with a task from a script, which cannot be loaded from here. Start the "
            f"script again (it goes on where it was), or type paredown.resume({str(directory)!r}, task=task)."
        )
        raise InputError(msg)
    return Task.load(reference)
