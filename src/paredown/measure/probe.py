"""A file's outputs on a handful of inputs, from a fresh process."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from paredown.measure.process import Worker
from paredown.measure.subject import Subject

if TYPE_CHECKING:
    from paredown.measure.subject import Measurable
    from paredown.targets import Target

__all__ = ["probe"]


def probe(
    file: "Measurable",
    inputs: Sequence[NDArray[Any]],
    *,
    target: "Target | None" = None,
    limit_s: float = 60.0,
    trust: bool = False,
) -> list[NDArray[Any]]:
    """Run a file once over all rows of the given inputs.

    Args:
        file: artifact or path.
        inputs: one array per input of the file, equally many rows each.
        target: the runtime, for plain paths whose suffix does not tell.
        limit_s: seconds of work after which the process is killed.
        trust: whoever made the file may run programs here; see `Target.admit`.

    Returns:
        One array per output of the file.

    Raises:
        InputError: no such file, or inputs that the file does not take.
        TrustError: a file is a program that was not made here, and `trust` was not given.
        MeasureError: the runtime crashed, refused the file or hung.

    """
    subject = Subject.of(file, target, trust=trust)
    with tempfile.TemporaryDirectory(prefix="paredown-") as scratch, Worker(subject, limit_s=limit_s) as worker:
        feed, answer = Path(scratch) / "feed.npz", Path(scratch) / "outputs.npz"
        np.savez(feed, *inputs)
        worker.ask({"do": "open", "path": os.fspath(subject.path)})
        rows = int(inputs[0].shape[0]) if len(inputs) and inputs[0].ndim else 1
        worker.ask({"do": "predict", "feed": os.fspath(feed), "to": os.fspath(answer), "rows": rows, "batch": rows})
        with np.load(answer, allow_pickle=False) as stored:
            return [stored[name] for name in stored.files]
