"""The tables of the coverage benchmark."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.coverage.collect import agrees, came_out, ratio
from benchmarks.pages.cells import table

__all__ = ["PAGE", "models", "section"]

PAGE = Path(__file__).parent / "README.md"

_MARKS = {True: "yes", False: "**no**", None: "–"}


def section(result: Mapping[str, Any]) -> str:
    """What the whole run says; every model is on `PAGE`."""
    rows = [_summary_row(source, numbers) for source, numbers in result["summary"].items()]
    head = [
        "models of", "captured", "cut in half: comes out", "Torch-Pruning", "with heads named", "proven", "trains",
        "bf16", "ONNX", "MACs ≤ 40 %", "≤ 10 % frozen", "analyse + cut, median (largest)",
    ]  # fmt: skip
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return (
        "## Coverage: half of every free group is cut\n\n"
        "*Comes out*: no error, and every output has the shape it had, at two batch sizes or more. *Proven*: every node "
        "agrees with the masked original wherever masking is equivalent, and has the shape foreseen. *Frozen*: entries of parameters whose shape did "
        "not change, counted on plain tensors; MACs by `torch.utils.flop_counter`. A stage that the original fails "
        "itself is not asked for.\n\n"
        f"{_told(result)}{versions}; {result['processor']}, one thread. Every model: [coverage/README.md](coverage/README.md); raw: "
        f"[`{result['file']}`]({result['file']}).\n\n{table(head, rows)}"
    )


def _told(result: Mapping[str, Any]) -> str:
    """The note, and whether all rows of Paredown's arm were made by one engine."""
    states = result.get("engine_states", 1)
    mixed = (
        f"Paredown's rows were made by {states} states of the engine, which was mended meanwhile." if states > 1 else ""
    )
    return "".join(f"{sentence}\n\n" for sentence in (result["note"], mixed) if sentence)


def _summary_row(source: str, numbers: Mapping[str, Any]) -> list[str]:
    peers = [numbers[arm] for arm in ("torch-pruning", "torch-pruning-heads")]
    stages = [numbers[stage] for stage in ("proof", "train", "bf16", "onnx")]
    median, largest = numbers["median_seconds"], numbers["largest_seconds"]
    return [
        source,
        f"{numbers['captured']} of {numbers['models']}",
        f"{numbers['came_out']} of {numbers['captured']}",
        *(f"{p['came_out']} of {p['models']} ({p['not_in_time']} not in time)" if p["models"] else "–" for p in peers),
        *(f"{stage['fine']} of {stage['asked']}" if stage["asked"] else "–" for stage in stages),
        str(numbers["macs_at_most_40_percent"]),
        str(numbers["frozen_at_most_10_percent"]),
        f"{median:.1f} s ({largest:.1f} s)" if median is not None else "–",
    ]


def models(result: Mapping[str, Any]) -> str:
    """The page of all models."""
    head = [
        "model", "M parameters", "after", "MACs after", "frozen", "held by", "analyse + cut", "comes out", "proven",
        "trains", "bf16", "ONNX", "Torch-Pruning", "with heads named",
    ]  # fmt: skip
    rows = [_row(name, model["arms"]) for name, model in sorted(result["coverage"].items())]
    failures = [
        f"- `{name}`, {arm}, {stage}: {error}"
        for name, model in sorted(result["coverage"].items())
        for arm, run in model["arms"].items()
        for stage, error in _errors(run)
    ]
    made = "Made by `python -m benchmarks.tables`; no number is typed by hand.\n"
    return "\n".join(
        ["# Coverage, model by model\n", made, table(head, rows), "## Failures\n", *(failures or ["None."]), ""]
    )


def _errors(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    errors = [(stage, numbers["error"]) for stage, numbers in run["stages"].items() if "error" in numbers]
    return [*errors, *([(run["failed"]["stage"], run["failed"]["error"])] if run["failed"] else [])]


def _row(name: str, arms: Mapping[str, Any]) -> list[str]:
    run = arms.get("paredown")
    peers = [_MARKS[came_out(arms[arm])] if arm in arms else "–" for arm in ("torch-pruning", "torch-pruning-heads")]
    if not run or "cut" not in run["stages"]:
        return [name, *["–"] * 6, "**no**", *["–"] * 4, *peers]
    cut, before = run["stages"]["cut"], run["stages"]["original"]["parameters"]
    return [
        name,
        f"{before / 1e6:.2f}",
        f"{cut['parameters'] / before:.0%}",
        f"{ratio(run, 'macs'):.0%}",
        f"{1 - cut['changed_share']:.1%}",
        next((reason for reason in cut["held_by"]), "") if cut["changed_share"] < 0.99 else "",
        f"{sum(cut['seconds'].values()):.1f} s",
        _MARKS[came_out(run)],
        *(_MARKS[agrees(run, stage)] for stage in ("proof", "train", "bf16", "onnx")),
        *peers,
    ]
