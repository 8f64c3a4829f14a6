"""The measuring process: ``python -m paredown.measure.worker TOKEN PARENT``.

One JSON object per line comes in on stdin (``{"do": "open", ...}``), one JSON object per line goes out on stdout. The
process does what it is asked, in order, and ends when stdin is closed or its parent is gone. It imports the runtime
that the target names and nothing else that is heavy: no torch for a runtime that does without.
"""

import importlib
import importlib.util
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from paredown import codec
from paredown.errors import InputError
from paredown.measure import feeds, resident, sampling
from paredown.measure.guard import die_with_parent, requests
from paredown.measure.meter import Meter
from paredown.measure.waits import Waits
from paredown.targets import Fixed

__all__ = ["Bench", "main"]

_Reply = dict[str, Any]


class Bench:
    """One file on one runtime, and what can be asked about it. Every method answers one request."""

    def __init__(self) -> None:
        self._target: Any = None
        self._session: Any = None
        self._feed: feeds.Feed = []
        self._waits: Waits | None = None
        self._run_ns = 0.0

    def prepare(self, request: Mapping[str, Any]) -> _Reply:
        """Import the modules in which the caller found its target, pin the processors, import the runtime; no file yet.

        Answers with the runtime's ``version``, the ``peak`` and the ``resident`` size (bytes) of this empty process.
        """
        sys.path.extend(entry for entry in request.get("import_path", ()) if entry not in sys.path)
        cpus = request.get("cpus")
        if cpus and sys.platform == "linux":
            os.sched_setaffinity(0, cpus)
        for module in request.get("modules", ()):
            importlib.import_module(module)
        self._target = codec.decode(request["target"])
        version = self._target.version()
        _load_runtime(getattr(self._target, "packages", ()))
        reset = resident.reset_peak()
        return {"version": version, "resident": resident.resident(), "peak_reset": reset}

    def open(self, request: Mapping[str, Any]) -> _Reply:
        """Load the file: ``load_ms``, the ``inputs`` it takes, and the batch it is fixed to (or None)."""
        start = time.perf_counter_ns()
        self._session = self._target.open_admitted(Path(request["path"]))
        load_ms = (time.perf_counter_ns() - start) / 1e6
        specs = self._specs()
        return {"load_ms": load_ms, "inputs": specs, "fixed_batch": self._fixed(specs)}

    def first(self, request: Mapping[str, Any]) -> _Reply:
        """Infer for the first time, on stored or made-up inputs: ``first_ms`` and the ``batch``."""
        specs = self._specs()
        batch = self._fixed(specs) or self._target.batch
        if request.get("feed"):
            self._feed = feeds.fit(_load(request["feed"]), specs, batch)
        else:
            self._feed = feeds.made_up(specs, batch, int(request.get("seed", 0)))
        start = time.perf_counter_ns()
        self._run()
        return {"first_ms": (time.perf_counter_ns() - start) / 1e6, "batch": batch}

    def _specs(self) -> list[tuple[str, str, list[int | None]]]:
        return [(name, str(dtype), list(shape)) for name, dtype, shape in self._session.inputs]

    def _fixed(self, specs: list[tuple[str, str, list[int | None]]]) -> int | None:
        """The number of examples that every inference takes, by the file's own word or the target's; None: any."""
        batches = self._target.batches
        return feeds.batch_of(specs) or (batches.size if isinstance(batches, Fixed) else None)

    def _run(self) -> Any:
        return self._session.run(self._feed)

    def warm(self, request: Mapping[str, Any]) -> _Reply:
        """Infer until the time is steady."""
        answer = sampling.warm(self._run, limit=float(request.get("limit", 2.0)))
        self._run_ns = answer["run_ns"]
        self._waits = self._waits or Waits()
        return {**answer, "exact": self._waits.exact}

    def time(self, request: Mapping[str, Any]) -> _Reply:
        """Time single inferences, with the part of each that was spent waiting for a processor."""
        self._waits = self._waits or Waits()
        return sampling.sample(
            self._run,
            self._waits,
            run_ns=self._run_ns,
            seconds=float(request["seconds"]),
            least=int(request["least"]),
            limit=float(request["limit"]),
        )

    def memory(self, request: Mapping[str, Any]) -> _Reply:
        """Infer ``runs`` times and tell the largest resident set (bytes) since the runtime was imported."""
        for _ in range(int(request.get("runs", 3))):
            self._run()
        return {"peak": resident.peak()}

    def energy(self, request: Mapping[str, Any]) -> _Reply:
        """Infer for ``seconds`` and tell processor seconds and, where counters are readable, millijoules."""
        meter = Meter.find()
        runs = 0
        used, drawn, begin = time.process_time(), meter.read(), time.perf_counter()
        while runs < 3 or time.perf_counter() - begin < float(request["seconds"]):
            self._run()
            runs += 1
        wall, drawn_after, used_after = time.perf_counter() - begin, meter.read(), time.process_time()
        if not meter.counters:
            return {"runs": runs, "wall": wall, "cpu": used_after - used, "joules": None}
        joules = meter.difference(drawn, drawn_after)
        before, begin = meter.read(), time.perf_counter()
        time.sleep(float(request["seconds"]))
        idle = meter.difference(before, meter.read())
        idle_wall = time.perf_counter() - begin
        told = {"runs": runs, "wall": wall, "cpu": used_after - used, "joules": joules}
        return {**told, "idle_joules": idle, "idle_wall": idle_wall}

    def predict(self, request: Mapping[str, Any]) -> _Reply:
        """Outputs for the inputs in ``feed`` (.npz), written to ``to`` (.npz), in pieces the file can take."""
        specs = self._specs()
        arrays = _load(request["feed"])
        rows = int(request["rows"])
        fixed = self._fixed(specs)
        size = fixed or self._target.batches.nearest(max(1, min(rows, int(request.get("batch") or rows))))
        pieces: list[list[Any]] = []
        for start in range(0, rows, size):
            part = [array[start : start + size] for array in arrays]
            real = min(size, rows - start)
            outputs = self._session.run(feeds.fit(part, specs, fixed or real))
            pieces.append([np.asarray(output)[:real] if np.ndim(output) else np.asarray(output) for output in outputs])
        joined = [_join(parts) for parts in zip(*pieces, strict=True)]
        np.savez(request["to"], *joined)
        return {"outputs": len(joined)}

    def answer(self, request: Mapping[str, Any]) -> _Reply:
        """Carry one request out; what goes wrong is told in the words of the error."""
        actions: dict[str, Callable[[Mapping[str, Any]], _Reply]] = {
            "prepare": self.prepare,
            "open": self.open,
            "first": self.first,
            "warm": self.warm,
            "time": self.time,
            "memory": self.memory,
            "energy": self.energy,
            "predict": self.predict,
        }
        try:
            return actions[request["do"]](request)
        except Exception as error:  # noqa: BLE001 (reported to the parent, which raises)
            traceback.print_exc()
            return {"error": f"{type(error).__name__}: {error}", "input_error": isinstance(error, InputError)}


def _load_runtime(packages: Sequence[str]) -> None:
    """Import the runtime before the empty process is looked at; one that is missing says so when a file is opened."""
    for package in packages[:1]:
        if importlib.util.find_spec(package) is not None:
            importlib.import_module(package)


def _load(path: str) -> list[Any]:
    with np.load(path, allow_pickle=False) as stored:
        return [stored[f"arr_{index}"] for index in range(len(stored.files))]


def _join(parts: tuple[Any, ...]) -> Any:
    return np.concatenate(parts) if np.ndim(parts[0]) else np.stack(parts)


def _own_stdout() -> BinaryIO:
    """The stream to the parent; what runtimes print goes to stderr from now on."""
    private = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return os.fdopen(private, "wb", buffering=0)


def main(arguments: list[str]) -> None:
    """Answer requests until the parent closes the pipe.

    Args:
        arguments: the token by which the parent knows this process, and the parent's process id.

    """
    die_with_parent(int(arguments[1]))
    out = _own_stdout()
    lines = requests(sys.stdin.buffer)
    bench = Bench()
    while True:
        reply = bench.answer(json.loads(lines.get()))
        out.write(json.dumps(reply).encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1:])
