"""Where the time of searches goes."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.pages.cells import faster, interval, table

__all__ = ["section"]

_SMALL = 0.05
_FILES = ("lowering", "predicting", "measuring", "judging")


def section(results: Sequence[Mapping[str, Any]]) -> str:
    """Runs before and after a change of the search, in the order of their names."""
    rows = [_row(share, result["name"]) for result in results for share in result["time_share"]]
    raw = ", ".join(f"[`{result['file']}`]({result['file']})" for result in results)
    head = [
        "run",
        "time",
        "inside of trainings",
        "their steps",
        "files",
        "longest training",
        "best file",
        "faster",
        "drop",
    ]
    return (
        "## Where the time of `compress` goes\n\n"
        "`python -m benchmarks.time_share RUN...` on runs of the examples. Shares of the whole time: inside of trainings, in "
        "their optimizer steps alone, and in making and measuring files. Runs marked ≈ kept no account of their seconds; "
        "their range tests are modelled from the measured pace. The best file is timed against the original and judged on "
        "`judge`, with 95 % intervals.\n\n"
        f"{table(head, sorted(rows))}\n"
        f"{results[0]['processor']}. Raw: {raw}.\n"
    )


def _row(share: Mapping[str, Any], name: str) -> list[str]:
    whole, about = sum(share["seconds"].values()), "≈ " if share["modelled"] else ""
    files = sum(share["seconds"].get(purpose, 0.0) for purpose in _FILES) / whole
    judged, best = share["judged"] or {}, share["best"]
    return [
        f"{share['run']}, {name.removeprefix('time-share-')}",
        f"{share['used']:.0f} s of {share['limit']:.0f}",
        f"{100 * share['inside_trainings']:.0f} %",
        f"{about}{100 * share['training']:.0f} %",
        "–" if share["modelled"] else f"{100 * files:.0f} %",
        f"{share['longest']:.2g} epochs",
        f"{best['label']} ({best['epochs']:.2g} epochs)" if best else "–",
        faster(judged.get("ratio")),
        interval(judged.get("drop"), _digits(judged.get("drop"))),
    ]


def _digits(drop: Mapping[str, float] | None) -> int:
    """Two for points, four for scores that are parts of one."""
    return 2 if drop is None or max(map(abs, drop.values())) > _SMALL else 4
