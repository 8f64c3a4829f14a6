"""Networks of other people, cut."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.pages.cells import faster, interval, table

__all__ = ["section"]


_NATURAL = ("has it as its kernel", "is an output", "is an input")


def section(results: Sequence[Mapping[str, Any]]) -> str:
    """Networks of other people, cut as they are."""
    rows = [_cut_row(result["pruned_checkpoint"], result["file"]) for result in results]
    head = [
        "network", "groups to cut", "multiply-accumulates", "parameters", "file", "speed-up", "held-out score, cut",
        "recovered", "held by",
    ]  # fmt: skip
    first = results[0]["pruned_checkpoint"]["run"]
    return "\n".join(
        [
            "## Checkpoints of others, cut as they are\n",
            (
                f"`python -m benchmarks.pruned_checkpoints DATA`: every network is captured, cut to {results[0]['share']:.0%} "
                "of its multiply-accumulates by one and the same step, and recovers on what it said itself before the "
                f"cut. {first['target']}, {first['runtime']}, {first['processor']}.\n"
            ),
            table(head, rows),
        ]
    )


def _cut_row(case: Mapping[str, Any], file: str) -> list[str]:
    arms = {candidate["label"]: candidate for candidate in case["run"]["candidates"]}
    original, cut, recovered = (arms[label] for label in ("original", "cut", "cut, recovered"))
    unit = case["run"]["score_unit"]
    shares = [f"{recovered[key] / original[key]:.0%}" for key in ("macs", "parameters", "size")]
    scores = [interval(arm["score"], digits=1, unit=f" {unit}") for arm in (cut, recovered)]
    told = (reason for reason in case["frozen"] if not reason.endswith(_NATURAL))
    held = sorted({reason.partition(" (")[0] + " " + reason.partition(") ")[2] for reason in told})
    title = f"[{case['title']}]({file})"
    return [title, str(case["groups"]), *shares, faster(recovered["ratio"]), *scores, ", ".join(held)]
