"""How many cores trainings use: measured, for more of them are slower on a machine that has other work to do."""

import contextlib
import os
from collections.abc import Callable, Iterator

import torch

from paredown.recipe.engine import pick_device

__all__ = ["fastest_threads", "training_threads"]

_GAIN = 0.9  # several threads have to save a tenth of a step


@contextlib.contextmanager
def training_threads(threads: int | None = None) -> Iterator[None]:
    """Train with so many threads while the block runs; afterwards the process is as it was.

    Args:
        threads: None takes all processors this process may use, or ``OMP_NUM_THREADS`` where it is set.

    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads or _given() or _available())
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fastest_threads(seconds: Callable[[], float]) -> tuple[int | None, float]:
    """Whether trainings are faster with one thread or with all; ``OMP_NUM_THREADS`` is obeyed.

    Args:
        seconds: times a step with the threads that are set.

    Returns:
        The number of threads, None where there is nothing to choose; and the seconds of a step.

    """
    if _given() or _available() == 1 or pick_device("auto").type != "cpu":
        with training_threads():
            return None, seconds()
    with training_threads(1):
        alone = seconds()
    with training_threads(_available()):
        together = seconds()
    return (_available(), together) if together < _GAIN * alone else (1, alone)


def _given() -> int:
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdigit() else 0


def _available() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
