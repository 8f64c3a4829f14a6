"""Energy per inference: from the processor's counters, or an estimate that is called one."""

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paredown.measure.exclusive import exclusive
from paredown.measure.process import Worker, feed_file
from paredown.measure.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paredown.measure.subject import Measurable
    from paredown.targets import Target

__all__ = ["ASSUMED_WATTS", "Energy", "energy"]

ASSUMED_WATTS = 4.0
"""Watts that a busy processor thread is assumed to draw where no counter can be read.

A guess for server and laptop processors alike (the same one that codecarbon makes for unknown processors), good for
comparing files on one machine and for nothing else; every number made with it is labelled an estimate.
"""


@dataclasses.dataclass(frozen=True)
class Energy:
    """Energy of one inference.

    Attributes:
        mj: millijoules per inference (of ``batch`` examples).
        estimated: made from processor seconds and assumed watts; not fit for a limit.
        method: where the number comes from, in words.
        cpu_s: processor seconds per inference.
        watts: measured mean power over that of the idle machine, or the assumption.
        batch: examples per inference.
        runs: inferences.

    """

    mj: float
    estimated: bool
    method: str
    cpu_s: float
    watts: float
    batch: int
    runs: int


def energy(  # noqa: PLR0913 (one call, everything about it in sight)
    file: "Measurable",
    *,
    target: "Target | None" = None,
    seconds: float = 1.0,
    watts: float = ASSUMED_WATTS,
    inputs: "Sequence[Any] | None" = None,
    limit_s: float = 60.0,
    trust: bool = False,
) -> Energy:
    """Measure, or else estimate, the energy of one inference in a fresh process.

    Args:
        file: artifact or path.
        target: the runtime, for plain paths whose suffix does not tell.
        seconds: how long to infer (and, with counters, how long to watch the idle machine).
        watts: power of a busy thread, used only where no counter can be read.
        inputs: one array per input of the file; made up where not given.
        limit_s: seconds of work after which the process is killed.
        trust: whoever made the file may run programs here; see `Target.admit`.

    Raises:
        InputError: no such file.
        TrustError: a file is a program that was not made here, and `trust` was not given.
        MeasureError: the runtime crashed, refused the file or hung.

    """
    subject = Subject.of(file, target, trust=trust)
    with tempfile.TemporaryDirectory(prefix="paredown-") as scratch, exclusive():
        feed = feed_file(Path(scratch), inputs)
        with Worker(subject, limit_s=limit_s) as worker:
            worker.ask({"do": "open", "path": str(subject.path)})
            first = worker.ask({"do": "first", "feed": feed})
            worker.ask({"do": "warm"})
            told = worker.ask({"do": "energy", "seconds": seconds})
    return _energy(told, int(first["batch"]), watts)


def _energy(told: dict[str, Any], batch: int, watts: float) -> Energy:
    runs, cpu = int(told["runs"]), float(told["cpu"])
    if told["joules"] is None:
        method = f"estimate: {cpu / runs:.3g} processor seconds x {watts:g} W assumed per busy thread"
        return Energy(1000 * cpu * watts / runs, True, method, cpu / runs, watts, batch, runs)
    idle = float(told["idle_joules"] or 0.0) * float(told["wall"]) / max(float(told["idle_wall"]), 1e-9)
    joules = max(float(told["joules"]) - idle, 0.0)
    method = "processor counters (RAPL packages), the idle machine's share subtracted"
    return Energy(1000 * joules / runs, False, method, cpu / runs, joules / float(told["wall"]), batch, runs)
