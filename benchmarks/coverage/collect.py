"""From one file per model and arm to one result."""

import importlib.metadata
import json
import platform
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import record
from benchmarks.coverage.stages import ARMS, STAGES

__all__ = ["agrees", "came_out", "ratio", "summary", "write"]

_PACKAGES = ("torch", "torchvision", "timm", "transformers", "torch-pruning", "onnxruntime")


def write(out: Path, note: str = "", earlier: Path | None = None) -> Path:
    """Store what a folder of runs holds as ``results/<date>-coverage.json``.

    Args:
        out: the folder.
        note: what is special about it.
        earlier: a stored result, whose models and arms are taken that the folder does not hold.

    """
    models: dict[str, dict[str, Any]] = {}
    for arm in ARMS:
        for path in sorted((out / arm).glob("*.json")):
            run = json.loads(path.read_text())
            entry = models.setdefault(run["name"], {"source": run["source"], "family": run["family"], "arms": {}})
            entry["arms"][arm] = {key: run[key] for key in ("seconds", "stages", "failed", "code")}
    if earlier:
        models = _merged(_stored(earlier), models)
    result = {
        "coverage": models,
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
        "processor": _processor(),
        "threads": 1,
        "note": note,
        "engine_states": len({m["arms"]["paredown"]["code"] for m in models.values() if "paredown" in m["arms"]}),
        "summary": {source: summary(group) for source, group in _groups(models).items()},
    }
    return record.write("coverage", result)


def _stored(path: Path) -> dict[str, dict[str, Any]]:
    """The models of an earlier result; its date stands for the engine where it does not say which made them."""
    models: dict[str, dict[str, Any]] = json.loads(path.read_text())["coverage"]
    for model in models.values():
        model["arms"] = {arm: {"code": path.name[:10]} | run for arm, run in model["arms"].items()}
    return models


def _merged(stored: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Arm by arm: what is new stands before what was stored."""
    merged = dict(stored)
    for name, entry in new.items():
        before = stored.get(name, {"arms": {}})
        merged[name] = entry | {"arms": before["arms"] | entry["arms"]}
    return merged


def _groups(models: Mapping[str, Any]) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {"all": list(models.values())}
    for model in models.values():
        groups.setdefault(model["source"], []).append(model)
    return groups


def _processor() -> str:
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").is_file() else ""
    names = (line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def came_out(run: Mapping[str, Any] | None) -> bool:
    """Cut, runs, and every output has the shape it had; a proof shows that, too."""
    if not run or run["failed"]:
        return False
    shown = [run["stages"][stage] for stage in ("shape", "proof") if stage in run["stages"]]
    return bool(shown) and all("error" not in numbers for numbers in shown)


def agrees(run: Mapping[str, Any] | None, stage: str) -> bool | None:
    """Whether a stage went well; None where it was not asked for, or the original fails it itself."""
    if not run or stage not in run["stages"]:
        return None if not run or not run["failed"] else False
    if run["stages"]["original"].get(stage, True) is not True:
        return None
    return "error" not in run["stages"][stage]


def summary(models: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The numbers the bars are about."""
    models = list(models)
    ours = [m["arms"]["paredown"] for m in models if "paredown" in m["arms"]]
    captured = [run for run in ours if "capture" in run["stages"]]
    cut = [run for run in captured if "cut" in run["stages"]]
    seconds = [sum(run["stages"]["cut"]["seconds"].values()) for run in cut]
    found: dict[str, Any] = {
        "models": len(ours),
        "captured": len(captured),
        "came_out": sum(map(came_out, captured)),
        "macs_at_most_40_percent": sum(ratio(run, "macs") <= 0.4 for run in cut),
        "frozen_at_most_10_percent": sum(run["stages"]["cut"]["changed_share"] >= 0.9 for run in cut),
        "median_seconds": statistics.median(seconds) if seconds else None,
        "largest_seconds": max(seconds, default=None),
    }
    for stage in STAGES[4:]:
        answers = [agrees(run, stage) for run in captured]
        found[stage] = {"fine": answers.count(True), "asked": len(answers) - answers.count(None)}
    for arm in list(ARMS)[1:]:
        runs = [m["arms"][arm] for m in models if arm in m["arms"]]
        found[arm] = {
            "models": len(runs),
            "came_out": sum(map(came_out, runs)),
            "not_in_time": sum("not done in" in run["failed"]["error"] for run in runs if run["failed"]),
            "macs_at_most_40_percent": sum(came_out(run) and ratio(run, "macs") <= 0.4 for run in runs),
        }
    return found


def ratio(run: Mapping[str, Any], quantity: str) -> float:
    """After the cut over before; 1 where there was nothing to count."""
    before = run["stages"]["original"][quantity]
    return run["stages"]["cut"][quantity] / before if before else 1.0
