"""A training step in float32, in bfloat16, and compiled."""

from collections.abc import Mapping
from typing import Any

from benchmarks.pages.cells import table

__all__ = ["WAYS", "section"]

WAYS = ("float32", "bfloat16", "float32, compiled")  # the first is what the others are shares of


def section(result: Mapping[str, Any]) -> str:
    """Milliseconds of a step by network and way."""
    ways = sorted(result["step_speed"][0]["seconds"], key=WAYS.index)
    rows = []
    for case in result["step_speed"]:
        best = [1000 * min(case["seconds"][way]) for way in ways]
        cells = [f"{ms:.1f} ({ms / best[0]:.2f})" for ms in best]
        rows.append([case["case"], *cells, f"{case['compiling']:.0f} s"])
    return (
        "## A training step in float32, in bfloat16, and compiled\n\n"
        "`python -m benchmarks.step_speed`. Milliseconds of the fastest round, in brackets as a share of float32; what "
        "compiling takes before the first step depends on what the compiler has kept of earlier times. "
        "`Train.fastest` times this for a user's network.\n\n"
        f"{table(['network and batch', *ways, 'compiling'], rows)}\n"
        f"torch {result['torch']}, {result['threads']} thread(s), {result['processor']}. "
        f"Raw: [`{result['file']}`]({result['file']}).\n"
    )
