"""Rows of every score of a task, from a file's outputs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from paredown.measure.predict import predict
from paredown.verdict.pair import Rows

if TYPE_CHECKING:
    from paredown.data import Split
    from paredown.targets import Artifact, Target
    from paredown.task import Task

__all__ = ["rows_of"]


def rows_of(  # noqa: PLR0913 (one call, everything about it in sight)
    file: "Artifact | Any",
    split: "Split",
    task: "Task",
    *,
    structure: Mapping[str, Any] | None = None,
    target: "Target | None" = None,
    limit_s: float = 600.0,
    trust: bool = False,
) -> dict[str, Rows]:
    """Score a file on a split, in a fresh process.

    Args:
        file: artifact or path.
        split: examples in their stored order.
        task: its score, guards, and choice of outputs.
        structure: nesting of the model's results (``network.out_structure.to_json()``); a single output needs none.
        target: the runtime, for plain paths whose suffix does not tell.
        limit_s: seconds of work after which the process is killed.
        trust: whoever made the file may run programs here; see `Target.admit`.

    Returns:
        Rows ``[n, k]`` of the task's score under ``""`` and of the guards under their names.

    """
    from paredown.graph.structure import Structure, flatten  # noqa: PLC0415 (torch is heavy)

    arrays = predict(file, split, target=target, limit_s=limit_s, trust=trust)
    scores = {"": task.score, **task.guards}
    rows: dict[str, list[Rows]] = {name: [] for name in scores}
    start = 0
    for _, wanted in split.batches(512):
        end = start + len(flatten(wanted)[0][0])
        part: Any = [array[start:end] for array in arrays]
        raw = Structure.from_json(structure).build(_tensors(part)) if structure else part[0] if len(part) == 1 else part
        outputs = task.outputs(raw)
        for name, score in scores.items():
            rows[name].append(np.asarray(score.rows(outputs, wanted), dtype=float))
        start = end
    return {name: np.concatenate(parts) for name, parts in rows.items()}


def _tensors(arrays: list[Any]) -> list[Any]:
    import torch  # noqa: PLC0415

    return [torch.from_numpy(np.ascontiguousarray(array)) for array in arrays]
