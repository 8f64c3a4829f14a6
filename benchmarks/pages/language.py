"""Narrow weights of language models."""

from collections.abc import Mapping
from typing import Any

from benchmarks.pages.cells import faster, interval, table

__all__ = ["section"]


def section(result: Mapping[str, Any]) -> str:
    """Narrow weights side by side, beside the float file and beside rounding to nearest."""
    rows = [
        [
            file["label"],
            interval(file["quality"]["score"], digits=3),
            interval(file["quality"]["drop"], digits=3) if file["label"] != "float" else "–",
            interval(file["to_nearest"]["drop"], digits=3) if file["to_nearest"] else "–",
            interval(file["p50"], digits=3),
            faster(file["ratio"]),
            f"{file['size'] / 1000:.0f}",
            f"{file['seconds']:.1f}" if file["seconds"] is not None else "–",
        ]
        for file in result["files"]
    ]
    rows += [[row["label"], *["–"] * 6, row["failure"]] for row in result["failed"]]
    trained = f"Trained for {result['steps']} steps, width {result['width']}. " if "steps" in result else ""
    head = [
        "file", result["score"], "drop", "drop from rounding to nearest", "latency p50, ms", "speed-up", "size, kB",
        "seconds to make",
    ]  # fmt: skip
    parts = [
        f"## {result['language']}\n",
        (
            f"{trained}{result['runtime']}, one thread, {result['processor']}; {result['examples']} examples, "
            f"{result['calibration']} for calibration. A drop below 0 is a gain. "
            f"Raw: [`{result['file']}`]({result['file']}).\n"
        ),
        table(head, rows),
    ]
    return "\n".join(parts)
