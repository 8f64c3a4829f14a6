"""Ways to distil side by side."""

from collections.abc import Mapping
from typing import Any

from benchmarks.pages.cells import table
from benchmarks.pages.runs import again
from benchmarks.training import page as training

__all__ = ["section"]


def section(result: Mapping[str, Any]) -> str:
    """Ways to distil beside a control."""
    case = result["distillation_pairs"]
    head = ["arm", "mean accuracy", "against the control (95 %)", "outcome"]
    told = f"{again(case['again'])}\n\n" if "again" in case else ""
    rows = [[row[1], *row[2:5]] for row in training.rows(case)]
    return (
        f"## {case['title']}\n\n`python -m benchmarks.distillation_pairs DATA`. Epochs: {case['epochs']:g}, seeds: "
        f"{case['seeds']}. Every arm starts from the same fresh students and sees the same images in the same order; settings "
        "are those of the papers or the defaults, and nothing is tuned. Outcomes are corrected for all pairs of arms.\n\n"
        f"{told}{table(head, rows)}\n"
        f"{case['device']}, {case['precision']}. Raw: [`{result['file']}`]({result['file']}).\n"
    )
