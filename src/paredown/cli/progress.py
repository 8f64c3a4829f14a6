"""Progress on stderr, so that stdout stays for results."""

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from paredown.trust import one_line, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

__all__ = ["Shown", "say", "shown", "stdout"]


def stdout() -> "Console":
    """The console that results are printed on."""
    from paredown.cli.shown import console  # noqa: PLC0415 (--help does without it)

    return console()


def say(words: str) -> None:
    """One line on stderr."""
    print(printable(words), file=sys.stderr, flush=True)  # noqa: T201 (the command line speaks)


class Shown:
    """A `paredown.recipe.progress.Progress` drawn as one bar."""

    def __init__(self, bar: "Bar", line: "TaskID") -> None:
        self._bar = bar
        self._line = line

    def update(self, text: str, done: float, total: float) -> None:
        """Redraw the bar; its text is cut to the width of the terminal."""
        room = max(20, self._bar.console.width - 50)
        text = one_line(text)
        words = text if len(text) <= room else text[: room - 1] + "…"
        self._bar.update(self._line, description=words, completed=done, total=total or None)


@contextlib.contextmanager
def shown(first: str) -> Iterator[Shown]:
    """A bar while the block runs; where stderr is no terminal, nothing but what `say` says."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield Shown(bar, bar.add_task(first, total=None))
