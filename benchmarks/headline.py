"""What the README shows of the main benchmark: a small table and a picture, made from its newest JSON."""

import collections
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.pages.cells import faster, interval, table
from benchmarks.training.picture import PICTURE as TRAINING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PICTURE", "README", "RUN", "picture", "readme", "section"]

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
RUN = "cifar10-compress"
PICTURE = ROOT / "docs/pictures/resnet20.svg"

_BLOCK = re.compile(r"(<!-- measured -->\n).*?(<!-- /measured -->)", re.DOTALL)
_LATENCY, _DROP, _DEEPEST = 0.4, 1.0, 8.0  # the benchmark's budget, and the most points lost that are drawn
_COLOURS = collections.defaultdict(  # told apart by people with colour blindness too (Okabe and Ito)
    lambda: "#777777",
    combined="#0072b2",
    prune="#e69f00",
    int8="#009e73",
    distill="#cc79a7",
    shallow="#d55e00",
    slim="#d55e00",
    regularize="#56b4e9",
)


def section(run: Mapping[str, Any]) -> str:
    """The README's words about a `compress` run that scored the whole test set too."""
    whole = run["whole_test_set"]
    original = next(c for c in run["candidates"] if c["role"] == "original")
    best = next(c for c in run["candidates"] if c["best"])
    rows = []
    for candidate in sorted(_shown(run), key=lambda c: -c["ratio"]["estimate"] if c["ratio"] else -math.inf):
        if candidate["label"] not in whole:
            continue
        scored, name = whole[candidate["label"]], candidate["label"]
        name = f"**{name}**" if candidate["best"] else f"{name} (float32)" if candidate is original else name
        first = candidate is original
        rows.append(
            [
                name,
                f"{scored['score']['estimate']:.2f} %",
                "–" if first else interval(scored["drop"], unit=" pt"),
                "–" if first else faster(candidate["ratio"]),
                f"{candidate['size'] / 1000:.0f} kB",
                "–" if first else f"{original['size'] / candidate['size']:.1f} ×",
            ]
        )
    head = ["file", "accuracy", "drop", "faster", "size", "smaller"]
    return (
        f"`paredown compress` on a trained {run['title']}, at most 40 % of the time and 1 point of accuracy, "
        f"{run['time_used_s'] / 60:.0f} minutes on two cores ({run['processor'].split(',')[0]}). Every row is an exported "
        "file, timed in fresh processes of ONNX Runtime with one thread, scored on all 10,000 test images; 95 % "
        f"intervals.\n\n{table(head, rows)}\n"
        f"Half of these images were used to choose; on the half that no choice saw, the file chosen drops "
        f"{interval(best['drop'], unit=' pt')}.\n\n"
        f"![Accuracy lost against speed-up]({PICTURE.relative_to(ROOT)})\n\n"
        "What a regularizer or a teacher is worth to a student of a quarter of the cost depends on the task. Each dot is the "
        "mean of several seeds, judged as files and paired with a control; filled where it wins, hollow where "
        "it does not:\n\n"
        f"![Differences to the control, task by task]({TRAINING.relative_to(ROOT)})\n\n"
        "All tables, with other tools beside ours in the same runs: [`benchmarks/README.md`](benchmarks/README.md).\n"
    )


def readme(run: Mapping[str, Any]) -> str:
    """The README with the section put into its place."""
    return _BLOCK.sub(lambda found: found[1] + section(run) + found[2], README.read_text())


def _shown(run: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Candidates with a time and a drop, the do-nothing control left out."""
    return [
        c
        for c in run["candidates"]
        if c["latency"] and c["drop"] and (c["ratio"] or c["role"] == "original") and c["label"] != "do nothing"
    ]


def picture(run: Mapping[str, Any], path: Path) -> None:
    """Draw speed-up to the right and points lost downwards; whiskers are 95 % intervals, the budget is shaded."""
    from matplotlib import pyplot as plt  # noqa: PLC0415 (only here; the tables are made without it)

    style = {
        "svg.hashsalt": "paredown",
        "font.family": "sans-serif",
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with plt.rc_context(style):
        figure, axes = plt.subplots(figsize=(8.2, 4.2), layout="constrained")
        shown = [candidate for candidate in _shown(run) if candidate["drop"]["estimate"] < _DEEPEST]
        for candidate in shown:
            _draw(axes, candidate)
        axes.set_ylim(-_DEEPEST, 1.0)
        right = axes.get_xlim()[1]
        axes.set_xlim(right=right)
        axes.axvspan(
            1 / _LATENCY,
            right,
            ymin=(_DEEPEST - _DROP) / (_DEEPEST + 1.0),
            color="#0072b2",
            alpha=0.08,
            lw=0,
        )
        axes.set_xlabel("speed-up over the original file")
        axes.set_ylabel("change of accuracy, points")
        axes.xaxis.set_major_formatter("{x:g} ×")
        axes.grid(color="#eeeeee")
        axes.set_axisbelow(True)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def _draw(axes: "Axes", candidate: Mapping[str, Any]) -> None:
    ratio = candidate["ratio"] or {"estimate": 1.0, "low": 1.0, "high": 1.0}
    speed, drop = 1 / ratio["estimate"], candidate["drop"]
    colour = _COLOURS["combined" if "→" in candidate["label"] else candidate["label"].split(" ")[0]]
    axes.errorbar(
        speed,
        -drop["estimate"],
        xerr=[[speed - 1 / ratio["high"]], [1 / ratio["low"] - speed]],
        yerr=[[drop["high"] - drop["estimate"]], [drop["estimate"] - drop["low"]]],
        fmt="o",
        color=colour,
        markersize=9 if candidate["best"] else 5,
        elinewidth=1,
        alpha=1.0 if candidate["best"] or "→" not in candidate["label"] else 0.45,
    )
    if candidate["best"] or candidate["role"] in {"original", "arm", "control"}:
        axes.annotate(
            candidate["label"],
            (speed, -drop["estimate"]),
            xytext=(-8, 7) if candidate["best"] else (8, 4),
            textcoords="offset points",
            ha="right" if candidate["best"] else "left",
            color=colour,
            fontweight="bold" if candidate["best"] else "normal",
            fontsize=9,
        )
