"""What Paredown makes of one model, stage by stage."""

import contextlib
import copy
import re
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import paredown
from benchmarks.coverage import counting
from benchmarks.coverage.cases import Case
from benchmarks.coverage.stages import STAGES
from benchmarks.coverage.steps import step
from paredown import prune, targets
from paredown.graph.axes import Axes, analyse
from paredown.graph.cut import cut, prove
from paredown.graph.cut.cutting import choose
from paredown.graph.network import Network
from paredown.recipe.evidence import Evidence

__all__ = ["last_line", "measure"]

Tell = Callable[[str, Mapping[str, Any]], None]


def measure(case: Case, tell: Tell, until: str, stage_s: float) -> None:
    """Run all stages; each tells its numbers when it is done.

    Args:
        case: the model.
        tell: takes the numbers of each stage.
        until: the last stage.
        stage_s: processor seconds for each stage behind the cut; what takes longer has failed, and the next begins.

    """
    torch.manual_seed(0)
    model, example = case.make(True)
    unused = _original(model, example, tell, until)
    start = time.process_time()
    network = paredown.capture(model, example)
    tell("capture", {"seconds": time.process_time() - start, "lost": list(network.lost)})
    start = time.process_time()
    axes = analyse(network)
    analysed = time.process_time() - start
    kept = _halves(network, axes)
    ranked = time.process_time()
    child = cut(network, kept, axes=axes, proof=False)
    done = time.process_time()
    tell(
        "cut",
        {
            "seconds": {"analyse": analysed, "rank": ranked - start - analysed, "cut": done - ranked},
            **_size(model, child, example, axes, unused),
        },
    )
    behind: dict[str, Callable[[], Mapping[str, Any]]] = {
        "shape": lambda: _shape(model, child, example),
        "proof": lambda: _proof(network, child, axes, kept),
        "train": lambda: _step(child, example, torch.float32),
        "bf16": lambda: _step(child, example, torch.bfloat16),
        "onnx": lambda: _onnx(child, example),
    }
    for stage in STAGES[3 : STAGES.index(until) + 1]:
        try:
            with _limited(stage_s):
                numbers = behind[stage]()
            tell(stage, numbers)
        except Exception as error:  # noqa: BLE001 (the failure is the result)
            tell(stage, {"error": last_line(error)})


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise when a block takes longer in processor time, between two instructions of Python; only in the main thread.

    Raises:
        TimeoutError: it did.

    """

    def late(*_: object) -> None:
        msg = f"not done in {seconds:.0f} s of processor time"
        raise TimeoutError(msg)

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)


def last_line(error: BaseException) -> str:
    """Class and last line of an exception."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1].strip() if lines else ''}"[:400]


def _original(model: nn.Module, example: torch.Tensor, tell: Tell, until: str) -> frozenset[str]:
    """Size of the original, and whether it trains itself; names of parameters that no output depends on."""
    result: dict[str, Any] = {"parameters": counting.parameters(model), "macs": counting.macs(model, example)}
    unused: frozenset[str] = frozenset()
    for name, dtype in (("train", torch.float32), ("bf16", torch.bfloat16)):
        if STAGES.index(until) >= STAGES.index(name):
            try:
                without = step(copy.deepcopy(model), example, dtype)
                unused = without if name == "train" else unused
                result[name] = True
            except Exception as error:  # noqa: BLE001 (what the original cannot do is no fault of the cut)
                result[name] = last_line(error)
    tell("original", result)
    return unused


def _halves(network: Network, axes: Axes) -> dict[str, torch.Tensor]:
    """The larger half of every free group by L2, chosen per outer index where that is allowed."""
    scores = prune.L2().score(network, axes, axes.free, Evidence.empty())
    kept = {}
    for group in axes.free:
        count = max(1, round(group.size / 2))
        if count < group.size:
            kept[group.name] = scores[group.name].topk(count, dim=-1).indices.sort(-1).values
    return kept


def _size(
    model: nn.Module, child: Network, example: torch.Tensor, axes: Axes, unused: frozenset[str]
) -> dict[str, Any]:
    same = counting.unchanged(model, counting.sizes(child), unused)
    held: Counter[str] = Counter()
    for name, entries in same.items():
        reasons = {
            re.sub(r" \(node [^)]*\)", "", group.frozen_by)
            for group in axes.groups
            if group.frozen_by and any(carrier.name == name for carrier in group.carriers)
        }
        for reason in reasons or {"too small to halve"}:
            held[reason] += entries
    frozen = sorted((group for group in axes.groups if not group.free), key=lambda group: -group.size)
    return {
        "parameters": counting.parameters(child),
        "macs": counting.macs(child, example),
        "changed_share": counting.changed_share(model, same, unused),
        "groups": {"free": len(axes.free), "frozen": len(frozen)},
        "held_by": dict(held.most_common()),
        "frozen": [f"{group.name} [{group.size}]: {group.frozen_by}" for group in frozen[:12]],
    }


def _proof(network: Network, child: Network, axes: Axes, kept: Mapping[str, torch.Tensor]) -> Mapping[str, Any]:
    start = time.process_time()
    prove(network, child, axes, choose(axes, kept))
    return {"seconds": time.process_time() - start}


def _shape(model: nn.Module, child: Network, example: torch.Tensor) -> Mapping[str, Any]:
    with torch.no_grad():
        for batch in (1, 2, 3):
            rows = example[torch.arange(batch) % len(example)]
            want, got = tuple(model.eval()(rows).shape), child(rows)
            if tuple(got.shape) != want:
                msg = f"{tuple(got.shape)} at a batch of {batch}, the original gives {want}"
                raise ValueError(msg)
            if not bool(got.isfinite().all()):
                msg = f"the output at a batch of {batch} is not finite"
                raise ArithmeticError(msg)
    return {}


def _step(child: Network, example: torch.Tensor, dtype: torch.dtype) -> Mapping[str, Any]:
    start = time.process_time()
    step(child.copy(), example, dtype)
    return {"seconds": time.process_time() - start}


def _onnx(child: Network, example: torch.Tensor) -> Mapping[str, Any]:
    start = time.process_time()
    target = targets.OnnxRuntime(threads=1)
    rows = example[torch.arange(3) % len(example)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.onnx"
        target.lower(child, path)
        seconds = time.process_time() - start
        with target.open(path) as session, torch.no_grad():
            got, want = session.run([rows.numpy()])[0], child(rows).numpy()
        size = path.stat().st_size
    difference = float(np.abs(got - want).max() / max(float(np.abs(want).max()), 1e-12))
    return {"seconds": seconds, "largest_difference": difference, "bytes": size}
