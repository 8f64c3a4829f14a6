"""Training may use every core; afterwards the process is as it was."""

import contextlib
import os
from collections.abc import Iterator

import torch

__all__ = ["training_threads"]


@contextlib.contextmanager
def training_threads() -> Iterator[None]:
    """All processors this process may use, or ``OMP_NUM_THREADS`` where it is set, while the block runs."""
    before = torch.get_num_threads()
    given = os.environ.get("OMP_NUM_THREADS", "")
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(int(given) if given.isdigit() and int(given) > 0 else available)
    try:
        yield
    finally:
        torch.set_num_threads(before)
