"""Layers in float among layers of 8 bits."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.pages.cells import faster, interval, table

__all__ = ["section"]


def section(result: Mapping[str, Any]) -> str:
    """Which layers stay in float, and what that is worth."""
    parts = ["## Layers in float among layers of 8 bits\n"]
    for case in result["mixed"]:
        rows = [
            [
                file["label"],
                interval(file["quality"]["score"], unit=" %"),
                interval(file["quality"]["drop"]),
                interval(file["p50"], digits=3),
                faster(file["ratio"]),
                _in_float(file["layers"]),
                f"{file['seconds']:.0f}" if file["seconds"] is not None else "–",
            ]
            for file in case["files"]
        ]
        parts += [
            f"### {case['title']}\n",
            (
                f"{result['runtime']}, one thread, {case['processor']}; {result['calibration']} calibration examples. "
                f"Raw: [`{result['file']}`]({result['file']}).\n"
            ),
            table(["file", "score", "drop", "latency p50, ms", "speed-up", "left in float", "seconds to make"], rows),
        ]
    return "\n".join(parts)


def _in_float(layers: Sequence[Mapping[str, Any]] | None) -> str:
    if layers is None:
        return "–"
    return ", ".join(layer["layer"] for layer in layers if layer["in"] == "float") or "none"
