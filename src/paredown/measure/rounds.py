"""One round: a fresh process per file, timed in alternating blocks.

The processes of a round live at the same time but never run at the same time: one block of each in turn, in an order
drawn anew for every block. What changes slowly (clock rate, neighbours on the same core) then meets all of them alike;
what differs from process to process (where memory happened to lie) is met by the next round, with new processes.
"""

import contextlib
import dataclasses
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paredown.measure.process import Worker
from paredown.measure.sampling import DISTURBED
from paredown.measure.subject import Subject

__all__ = ["ProcessRun", "Settings", "round_of"]

_FEW = 10  # fewer undisturbed samples than this say nothing about a process


@dataclasses.dataclass(frozen=True)
class Settings:
    """How one process is timed.

    Attributes:
        blocks: turns per process.
        block_s: undisturbed seconds wanted per turn.
        least: undisturbed samples wanted per turn.
        patience_s: seconds after which a turn ends with what there is.
        warm_s: seconds after which warming up ends.
        limit_s: seconds of work after which a process is killed.
        cpus: processors the processes may use; None for all.
        feed: stored inputs; None lets the process make some up.
        seed: of made-up inputs.

    """

    blocks: int = 8
    block_s: float = 0.04
    least: int = 4
    patience_s: float = 0.5
    warm_s: float = 2.0
    limit_s: float = 60.0
    cpus: tuple[int, ...] | None = None
    feed: str | None = None
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class ProcessRun:
    """What one process gave.

    Attributes:
        blocks: undisturbed times per turn, ms.
        p50, p95, p99: of all undisturbed times of this process, ms.
        load_ms, first_ms: opening the file; the first inference.
        batch: examples per inference.
        version: the runtime's name and version.
        dropped: samples left out because a thread waited for a processor.
        taken: samples timed in all.
        noisy: hardly any sample was undisturbed, so the least disturbed ones had to do.
        start_s: from starting the process to the imported runtime.

    """

    blocks: tuple[NDArray[np.float64], ...]
    p50: float
    p95: float
    p99: float
    load_ms: float
    first_ms: float
    batch: int
    version: str
    dropped: int
    taken: int
    noisy: bool
    start_s: float

    def log_ratio(self, baseline: "ProcessRun") -> float:
        """Natural logarithm of this process's time over the baseline's, from blocks of the same turn."""
        pairs = [
            float(np.log(np.median(own) / np.median(other)))
            for own, other in zip(self.blocks, baseline.blocks, strict=True)
            if len(own) >= 2 and len(other) >= 2
        ]
        if 2 * len(pairs) < len(self.blocks):
            return float(np.log(self.p50 / baseline.p50))
        return float(np.median(pairs))


def round_of(subjects: Sequence[Subject], settings: Settings, generator: random.Random) -> dict[str, ProcessRun]:
    """Start a fresh process for each file, time them in turns, end them.

    Args:
        subjects: files with different labels.
        settings: how each is timed.
        generator: draws the order in which processes start and take turns.

    Raises:
        MeasureError: a process crashed or hung; all are ended.

    """
    order = list(subjects)
    generator.shuffle(order)
    with contextlib.ExitStack() as stack:
        workers = {}
        opened = {}
        for subject in order:
            worker = stack.enter_context(Worker(subject, limit_s=settings.limit_s, cpus=settings.cpus))
            workers[subject.label] = worker
            loaded = worker.ask({"do": "open", "path": str(subject.path)})
            first = worker.ask({"do": "first", "feed": settings.feed, "seed": settings.seed})
            opened[subject.label] = {**loaded, **first}
            worker.ask({"do": "warm", "limit": settings.warm_s})
        turns = _turns(workers, settings, generator)
        return {label: _run_of(worker, opened[label], turns[label]) for label, worker in workers.items()}


def _turns(
    workers: Mapping[str, Worker], settings: Settings, generator: random.Random
) -> dict[str, list[dict[str, Any]]]:
    turns: dict[str, list[dict[str, Any]]] = {label: [] for label in workers}
    request = {"do": "time", "seconds": settings.block_s, "least": settings.least, "limit": settings.patience_s}
    spinning = any(getattr(worker.subject.target, "threads", 1) > 1 for worker in workers.values())
    for _ in range(settings.blocks):
        labels = list(workers)
        generator.shuffle(labels)
        for label in labels:
            if spinning:
                time.sleep(0.02)  # threads of the one before spin a little while before they sleep
            turns[label].append(workers[label].ask(request))
    return turns


def _run_of(worker: Worker, opened: Mapping[str, Any], turns: Sequence[Mapping[str, Any]]) -> ProcessRun:
    times = [np.asarray(turn["times"], dtype=float) / 1e6 for turn in turns]
    shares = [np.asarray(turn["shares"], dtype=float) for turn in turns]
    every = np.concatenate(shares)
    limit = DISTURBED
    noisy = int((every <= DISTURBED).sum()) < min(_FEW, len(every))
    if noisy:
        limit = max(DISTURBED, float(np.quantile(every, 0.25)))
    blocks = tuple(time_[share <= limit] for time_, share in zip(times, shares, strict=True))
    kept = np.concatenate(blocks)
    p50, p95, p99 = (float(value) for value in np.quantile(kept, [0.5, 0.95, 0.99]))
    return ProcessRun(
        blocks=blocks,
        p50=p50,
        p95=p95,
        p99=p99,
        load_ms=float(opened["load_ms"]),
        first_ms=float(opened["first_ms"]),
        batch=int(opened["batch"]),
        version=str(worker.prepared["version"]),
        dropped=int((every > DISTURBED).sum()),
        taken=len(every),
        noisy=noisy,
        start_s=worker.start_s,
    )
