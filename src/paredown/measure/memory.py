"""Peak resident memory of a file's fresh process."""

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paredown.errors import InputError
from paredown.measure.process import Worker, feed_file
from paredown.measure.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paredown.measure.subject import Measurable
    from paredown.targets import Target

__all__ = ["Memory", "memory"]


@dataclasses.dataclass(frozen=True)
class Memory:
    """Resident memory in bytes, medians over fresh processes.

    Attributes:
        peak_bytes: largest resident set from the imported runtime on: loading the file and inferring.
        empty_bytes: resident set of the process that has imported the runtime and opened nothing.
        over_empty_bytes: what the file adds; the quantity that budgets limit.
        spread_bytes: largest minus smallest ``over_empty_bytes`` among the processes.
        batch: examples per inference.
        processes: how many fresh processes there were.

    """

    peak_bytes: int
    empty_bytes: int
    over_empty_bytes: int
    spread_bytes: int
    batch: int
    processes: int


def memory(  # noqa: PLR0913 (one call, everything about it in sight)
    file: "Measurable",
    *,
    target: "Target | None" = None,
    processes: int = 3,
    inputs: "Sequence[Any] | None" = None,
    limit_s: float = 60.0,
    trust: bool = False,
) -> Memory:
    """Measure the memory that loading and running a file takes, over that of an empty session.

    Args:
        file: artifact or path.
        target: the runtime, for plain paths whose suffix does not tell.
        processes: fresh processes; the median is reported.
        inputs: one array per input of the file; made up where not given.
        limit_s: seconds of work after which a process is killed.
        trust: whoever made the file may run programs here; see `Target.admit`.

    Raises:
        InputError: no such file, or settings out of range.
        TrustError: a file is a program that was not made here, and `trust` was not given.
        MeasureError: the runtime crashed, refused the file or hung.

    """
    if processes < 1:
        msg = f"processes={processes} was given; at least one process has to be measured. Type `processes=3`."
        raise InputError(msg)
    subject = Subject.of(file, target, trust=trust)
    empty, peaks, batch = [], [], 1
    with tempfile.TemporaryDirectory(prefix="paredown-") as scratch:
        feed = feed_file(Path(scratch), inputs)
        for _ in range(processes):
            with Worker(subject, limit_s=limit_s) as worker:
                worker.ask({"do": "open", "path": str(subject.path)})
                first = worker.ask({"do": "first", "feed": feed})
                peaks.append(int(worker.ask({"do": "memory"})["peak"]))
                empty.append(int(worker.prepared["resident"]))
                batch = int(first["batch"])
    over = [max(peak - before, 0) for peak, before in zip(peaks, empty, strict=True)]
    return Memory(
        peak_bytes=int(np.median(peaks)),
        empty_bytes=int(np.median(empty)),
        over_empty_bytes=int(np.median(over)),
        spread_bytes=max(over) - min(over),
        batch=batch,
        processes=processes,
    )
