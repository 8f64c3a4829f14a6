"""The task that a word names, imported only after saying what is imported from where."""

from typing import TYPE_CHECKING

from paredown.cli import progress

if TYPE_CHECKING:
    from pathlib import Path

    from paredown.task import Task

__all__ = ["load", "of_run"]


def load(reference: str, why: str = "") -> "Task":
    """Import a task's module and give the task.

    Args:
        reference: ``module:name``.
        why: where the reference comes from, if it was not typed.

    Raises:
        TaskError: no such module or name, or it is no task.

    """
    from paredown.task import Task  # noqa: PLC0415 (torch is heavy)
    from paredown.task.load import origin  # noqa: PLC0415

    place = origin(reference)
    module = reference.partition(":")[0]
    progress.say(f"paredown: importing {module} from {place}{why and ', '}{why}")
    return Task.load(reference)


def of_run(directory: "Path") -> "Task | None":
    """The task of a run that is not finished; None where none is needed or known."""
    from paredown import search  # noqa: PLC0415

    reference = search.reference(directory)
    return load(reference, f"which the run in {directory} names as its task") if reference else None
