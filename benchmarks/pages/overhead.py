"""The loop of `Train` beside one by hand."""

from collections.abc import Mapping
from typing import Any

from benchmarks.pages.cells import table

__all__ = ["section"]


def section(result: Mapping[str, Any]) -> str:
    """The training loop beside one by hand."""
    rows = [
        [case["case"], f"{case['by_hand_ms']:.3f}", f"{case['train_ms']:.3f}", f"{case['overhead_percent']:.1f} %"]
        for case in result["overhead"]
    ]
    head = ["network and batch", "by hand, ms", "`Train`, ms", "more"]
    return (
        "## What `Train` costs beside a loop written by hand\n\n"
        "`python -m benchmarks.train_overhead`. Processor time of one optimizer step on one thread.\n\n"
        f"{table(head, rows)}\n"
        f"torch {result['torch']}, {result['processor']}. Raw: [`{result['file']}`]({result['file']}).\n"
    )
