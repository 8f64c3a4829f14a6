"""The tables of the situations."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.coverage.outcomes import STAGES
from benchmarks.pages.cells import table

__all__ = ["PAGE", "page", "section"]

PAGE = Path(__file__).parent / "SITUATIONS.md"
_MARKS = {"works": "yes", "refused": "refused", "broken": "**no**", "–": "–"}


def section(result: Mapping[str, Any]) -> str:
    """How many situations come through which stage; every one is on `PAGE`."""
    found = result["situations"].values()
    rows = []
    for stage in STAGES:
        count = Counter(situation["stages"][stage]["outcome"] for situation in found)
        rows.append([stage, *(str(count[outcome]) for outcome in ("works", "refused", "broken", "–"))])
    return (
        f"## {len(found)} kinds of networks, from capture to file\n\n"
        "`python -m benchmarks.coverage situations`. Small networks of kinds that trackers of other tools report, and of "
        "kinds that fields of work bring: captured, cut to half, lowered to ONNX Runtime, rounded to 8 bits, lowered "
        "again, trained for a step. *Works*: the file agrees with the network at three batch sizes. *Refused*: before any "
        "work, with the reason and what to do. *Broken*: anything else. A stage has nothing to do where one before it "
        "refused.\n\n"
        f"{table(['stage', 'works', 'refused', 'broken', 'nothing to do'], rows)}\n"
        f"{result['versions']}. Every kind: [coverage/SITUATIONS.md](coverage/SITUATIONS.md); raw: "
        f"[`{result['file']}`]({result['file']}).\n"
    )


def page(result: Mapping[str, Any]) -> str:
    """The page of all situations."""
    rows, said, lost = [], [], []
    for situation in result["situations"].values():
        stages = situation["stages"]
        rows.append([situation["what"], *(_cell(stage, stages[stage]) for stage in STAGES)])
        said += [
            f"- {situation['what']}, {stage}, {outcome['outcome']}: {outcome['words']}"
            for stage, outcome in stages.items()
            if "words" in outcome
        ]
        lost += [f"- {situation['what']}: {text}" for text in stages["capture"].get("lost", ())]
    made = (
        "Made by `python -m benchmarks.tables` from what `python -m benchmarks.coverage situations` wrote; no number is "
        "typed by hand.\n"
    )
    head = ["kind", "capture", "cut: parameters", "lower", "round: layers", "lower rounded", "train"]
    return "\n".join(
        [
            "# Kinds of networks, from capture to file\n",
            made,
            table(head, rows),
            "## What was said\n",
            *said,
            "\n## What is not in the network, as `network.lost` says\n",
            *lost,
            "",
        ]
    )


def _cell(stage: str, outcome: Mapping[str, Any]) -> str:
    if outcome["outcome"] != "works":
        return _MARKS[outcome["outcome"]]
    if stage == "cut":
        before, after = outcome["parameters"]
        return f"{after / before:.0%}"
    return str(outcome["weights"]) if stage == "round" else "yes"
