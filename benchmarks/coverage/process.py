"""Each model and arm in a process of its own, with limits on time and memory."""

import dataclasses
import functools
import hashlib
import json
import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

import paredown
from benchmarks.coverage import paredown_arm, torch_pruning_arm
from benchmarks.coverage.cases import Case, cases
from benchmarks.coverage.stages import ARMS, STAGES

__all__ = ["Options", "run"]


@dataclasses.dataclass(frozen=True)
class Options:
    """How to run.

    Attributes:
        out: folder of the results, one file per model and arm.
        arms: which of `ARMS`.
        limit_s: processor seconds per model and arm.
        stage_s: processor seconds per stage behind the cut of Paredown's arm; those behind it still run.
        memory_gb: address space of one process.
        until: last stage of Paredown's arm.
        again: run what `out` holds already, too.

    """

    out: Path
    arms: tuple[str, ...] = tuple(ARMS)
    limit_s: float = 240.0
    stage_s: float = 60.0
    memory_gb: float = 14.0
    until: str = STAGES[-1]
    again: bool = False


def run(chosen: Sequence[Case], options: Options) -> None:
    """Run every case, one after the other, on one arm after the other, and write ``<out>/<arm>/<case>.json``.

    May be stopped at any moment and started again: what is written is whole, and is not run twice.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.coverage.warm"])
    code = _code()
    for arm in options.arms:
        for number, case in enumerate(chosen, 1):
            path = options.out / arm / f"{case.name.replace('/', '__')}.json"
            if path.is_file() and not options.again:
                continue
            result = {"source": case.source, "family": case.family, "code": code} | _one(
                context, case.name, arm, options
            )
            _write(path, result)
            print(f"{number}/{len(chosen)} {case.name} {arm} {result['seconds']:.0f} s: {_word(result)}", flush=True)


def _write(path: Path, result: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(result, indent=1) + "\n")
    unfinished.replace(path)


def _code() -> str:
    """A name for the state of the engine that a row was made with: a digest of its files."""
    root = Path(paredown.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _one(context: Any, name: str, arm: str, options: Options) -> dict[str, Any]:
    read, write = context.Pipe(duplex=False)
    stages: dict[str, Any] = {}
    start = time.monotonic()
    process = context.Process(target=_work, args=(write, name, arm, options), daemon=True)
    process.start()
    write.close()
    failed = None
    try:
        while _waits(read, process.pid, options.limit_s):
            stage, numbers = json.loads(read.recv_bytes())
            if stage == "done":
                break
            if stage == "failed":
                failed = {"stage": _next(arm, stages), "error": numbers["error"]}
                break
            stages[stage] = numbers
        else:
            failed = {"stage": _next(arm, stages), "error": f"not done in {options.limit_s:.0f} s of processor time"}
    except EOFError:
        failed = {"stage": _next(arm, stages), "error": "the process ended"}
    seconds = time.monotonic() - start
    process.kill()
    process.join()
    return {"name": name, "arm": arm, "seconds": seconds, "stages": stages, "failed": failed}


def _waits(read: Connection, pid: int, limit_s: float) -> bool:
    """Wait for the next message; False where the process has used its time, which a busy machine makes no shorter."""
    while not read.poll(0.5):
        used = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        if sum(map(int, used)) / os.sysconf("SC_CLK_TCK") > limit_s:
            return False
    return True


def _next(arm: str, stages: Mapping[str, Any]) -> str:
    return next((stage for stage in ARMS[arm] if stage not in stages), "end")


def _word(result: Mapping[str, Any]) -> str:
    if result["failed"]:
        return f"{result['failed']['stage']}: {result['failed']['error']}"
    errors = [f"{stage}: {n['error']}" for stage, n in result["stages"].items() if "error" in n]
    if errors:
        return "; ".join(errors)
    cut, original = result["stages"]["cut"], result["stages"]["original"]
    return f"fine, MACs {cut['macs'] / max(1, original['macs']):.0%}, changed {cut['changed_share']:.0%}"


def _work(write: Connection, name: str, arm: str, options: Options) -> None:
    torch.set_num_threads(1)
    most = int(options.memory_gb * 1e9)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))

    def tell(stage: str, numbers: Mapping[str, Any]) -> None:
        write.send_bytes(json.dumps([stage, numbers]).encode())

    measure: Callable[[Case, Callable[[str, Mapping[str, Any]], None]], None]
    match arm:
        case "paredown":
            measure = functools.partial(paredown_arm.measure, until=options.until, stage_s=options.stage_s)
        case _:
            measure = functools.partial(torch_pruning_arm.measure, heads=arm.endswith("heads"))
    try:
        measure(cases()[name], tell)
        tell("done", {})
    except Exception as error:  # noqa: BLE001 (the failure is the result)
        tell("failed", {"error": paredown_arm.last_line(error)})
