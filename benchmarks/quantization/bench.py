"""Everything that is measured of one network's files."""

import dataclasses
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import paredown
from benchmarks.quantization.cases import CHOSEN, TARGET, Case
from benchmarks.quantization.files import Made, make
from paredown import measure, verdict
from paredown.measure import Latency, Quality
from paredown.verdict.findings import pd102_int8
from paredown.verdict.findings.context import FileContext

__all__ = ["head_to_head", "kernels", "measured"]

_BATCH = 64


def measured(case: Case, data: Path, *, pairs: tuple[int, int] = (6, 12)) -> dict[str, Any]:
    """Per file size, quality on `judge`, latency against the float file; ours against every peer; who failed."""
    task = case.task(data)
    inputs, _ = next(iter(task.data.work.calibrate.batches(2, limit=2)))
    arguments, named = task.arguments(inputs)
    network = paredown.capture(task.model, *arguments, **named)
    with tempfile.TemporaryDirectory() as scratch:
        made = make(case, task, network, Path(scratch))
        files = {one.label: one for one in made if one.path is not None and not one.failure}
        paths = {label: one.path for label, one in files.items() if one.path is not None}
        test = task.data.judge.open(lambda _: 1)
        truth = next(target for _, target in test.batches(len(test)))
        rows = {label: _rows(case, data, path, task=task, test=test, truth=truth) for label, path in paths.items()}
        one = [part[:1].numpy() for part in network.example]
        times = measure.latency(paths, target=TARGET, baseline="float", pairs=pairs, time_limit=300, inputs=one)
        run = {label: kernels(path) for label, path in paths.items()}
        sizes = {label: path.stat().st_size for label, path in paths.items()}
    quality = {label: measure.quality(rows[label], rows["float"], task.score) for label in files}
    peers = [label for label, one in files.items() if not one.ours]
    return {
        "title": case.title,
        "told": case.told,
        "unit": task.score.unit,
        "higher_is_better": task.score.higher_is_better,
        "examples": len(rows["float"]),
        "files": [
            {
                "label": label,
                "ours": made_by.ours,
                "size": sizes[label],
                "quality": dataclasses.asdict(quality[label]),
                "p50": dataclasses.asdict(times[label].p50),
                "ratio": dataclasses.asdict(ratio) if (ratio := times[label].ratio) else None,
                "seconds": made_by.seconds,
                "kernels": run[label],
                "finding": _finding(made_by, times, quality),
                "chosen": made_by.plan.reason if made_by.plan and label == CHOSEN else "",
            }
            for label, made_by in files.items()
        ],
        "pairs": [pair for peer in peers for pair in head_to_head(CHOSEN, peer, rows, times, task)],
        "failed": [
            {
                "label": one.label,
                "seconds": one.seconds,
                "failure": one.failure,
                "in_pytorch": _in_pytorch(one.module, task, test, truth)
                if one.module is not None and not case.rows
                else None,
            }
            for one in made
            if one.failure
        ],
        "processor": times["float"].processor,
    }


def _rows(  # noqa: PLR0913 (all that scoring takes)
    case: Case, data: Path, path: Path, *, task: paredown.Task, test: Any, truth: Any
) -> np.ndarray[Any, Any]:
    """Of the task's score, one for each example of `judge`."""
    if case.rows is not None:
        return np.asarray(case.rows(data, path))
    return np.asarray(task.score.rows(task.outputs(measure.predict(path, test, target=TARGET)), truth))


def _in_pytorch(module: Callable[..., Any], task: paredown.Task, test: Any, truth: Any) -> float:
    """The score of what never became a file."""
    outputs: list[Any] = []
    with torch.no_grad():
        for inputs, _ in test.batches(_BATCH):
            arguments, named = task.arguments(inputs)
            said = module(*arguments, **named)
            outputs.append(said if isinstance(said, tuple | list) else (said,))
    joined = [torch.cat(parts).numpy() for parts in zip(*outputs, strict=True)]
    return float(task.score.reduce(np.asarray(task.score.rows(task.outputs(joined), truth))))


def _finding(made: Made, times: Mapping[str, Latency], quality: Mapping[str, Quality]) -> str:
    """Why one of ours is not faster, as a run would tell it; empty where it is faster, or not ours."""
    if made.artifact is None or made.label == "float":
        return ""
    one, whole = (
        verdict.Measured(label, latency=times[label], quality=quality[label]) for label in (made.label, "float")
    )
    finding = pd102_int8.check(
        FileContext(one, whole, capabilities=TARGET.capabilities, lowering=made.artifact.lowering)
    )
    return finding.text if finding.severity is finding.severity.ISSUE else ""


def head_to_head(
    ours: str,
    peer: str,
    rows: Mapping[str, np.ndarray[Any, Any]],
    times: Mapping[str, Latency],
    task: paredown.Task,
) -> Sequence[dict[str, Any]]:
    """Score and latency of a peer's file beside ours; nothing where ours is not there."""
    if ours not in rows:
        return []
    sides = {label: verdict.Measured(label, latency=times[label]) for label in (peer, ours)}
    compared = verdict.compare(sides, score=task.score, rows={label: rows[label] for label in sides})
    return [{**dataclasses.asdict(pair), "outcome": str(pair.outcome)} for pair in compared.pairs]


def kernels(path: Path) -> dict[str, int]:
    """How often each operator is in the graph that ONNX Runtime runs."""
    import onnx  # noqa: PLC0415 (an extra)
    import onnxruntime  # noqa: PLC0415 (an extra)

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as scratch:
        options.optimized_model_filepath = f"{scratch}/optimised.onnx"
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        graph = onnx.load(options.optimized_model_filepath).graph
    return dict(Counter(node.op_type for node in graph.node))
