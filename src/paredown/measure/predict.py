"""A file's outputs on a split, computed in a fresh process."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from paredown.errors import InputError
from paredown.measure.process import Worker
from paredown.measure.subject import Subject

if TYPE_CHECKING:
    from paredown.data import Split
    from paredown.measure.subject import Measurable
    from paredown.targets import Target

__all__ = ["predict"]


def predict(  # noqa: PLR0913 (one call, everything about it in sight)
    file: "Measurable",
    split: "Split",
    *,
    target: "Target | None" = None,
    batch: int = 64,
    chunk: int = 512,
    limit_s: float = 600.0,
    trust: bool = False,
) -> list[NDArray[Any]]:
    """Run a file over all examples of a split and collect its outputs.

    The examples go to the process in chunks through files in a temporary directory, so neither side holds the split
    more than once. A file with a fixed batch gets full batches (the last one filled up, the surplus thrown away).

    Args:
        file: artifact or path.
        split: examples, in their stored order.
        target: the runtime, for plain paths whose suffix does not tell.
        batch: examples per inference where the file takes any number.
        chunk: examples per chunk.
        limit_s: seconds of work after which the process is killed.
        trust: whoever made the file may run programs here; see `Target.admit`.

    Returns:
        One array per output of the file, the first dimension running over the examples.

    Raises:
        InputError: no such file, an empty split, or inputs that the file does not take.
        TrustError: a file is a program that was not made here, and `trust` was not given.
        MeasureError: the runtime crashed, refused the file or hung.

    """
    subject = Subject.of(file, target, trust=trust)
    if len(split) == 0:
        msg = f"{subject} was to predict a split without examples. Give a split that has some."
        raise InputError(msg)
    chunks: list[list[NDArray[Any]]] = []
    with tempfile.TemporaryDirectory(prefix="paredown-") as scratch, Worker(subject, limit_s=limit_s) as worker:
        feed, answer = Path(scratch) / "chunk.npz", Path(scratch) / "outputs.npz"
        opened = worker.ask({"do": "open", "path": os.fspath(subject.path)})
        names = [str(name) for name, _, _ in opened["inputs"]]
        for inputs, _ in split.batches(chunk):
            arrays = _in_order(inputs, names)
            np.savez(feed, *arrays)
            request = {"do": "predict", "feed": os.fspath(feed), "to": os.fspath(answer)}
            worker.ask({**request, "rows": len(arrays[0]), "batch": batch})
            with np.load(answer, allow_pickle=False) as stored:
                chunks.append([stored[name] for name in stored.files])
    return [np.concatenate(parts) for parts in zip(*chunks, strict=True)]


def _in_order(inputs: Any, names: Sequence[str]) -> list[NDArray[Any]]:
    """Flat arrays in the order of the file's inputs: by name where the task's inputs have the file's names."""
    from paredown.graph.structure import flatten  # noqa: PLC0415 (torch is heavy)

    tensors, structure = flatten(inputs)
    own = [leaf.rpartition(".")[2] for leaf in structure.leaves()]
    arrays = [tensor.detach().cpu().numpy() for tensor in tensors]
    by_name = dict(zip(own, arrays, strict=True))
    return [by_name[name] for name in names] if set(by_name) == set(names) else arrays
