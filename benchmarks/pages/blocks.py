"""Residual blocks left out."""

from collections.abc import Mapping
from typing import Any

from benchmarks.pages.cells import interval, table

__all__ = ["section"]


def section(result: Mapping[str, Any]) -> str:
    """Accuracy without some blocks."""
    rows = [
        [", ".join(entry["left_out"]), interval(entry["score"], unit=" %"), interval(entry["drop"])]
        for entry in result["blocks"]
    ]
    raw = f"{result['n']} examples of select. Raw: [`{result['file']}`]({result['file']}).\n"
    return "\n".join([f"## {result['title']}\n", table(["left out", "accuracy", "drop"], rows), raw])
