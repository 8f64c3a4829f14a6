"""What regularization and distillation gained over the control, task by task, as a picture."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PICTURE", "draw"]

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "training.svg"

_COLUMNS = 2
_COLOURS = {"regularized": "#0072b2", "distilled": "#d55e00", "both": "#009e73"}


def draw(results: Sequence[Mapping[str, Any]], path: Path) -> None:
    """One panel a task: differences to the control with 95 % intervals, better to the right; filled where it wins."""
    from matplotlib import pyplot as plt  # noqa: PLC0415 (only here; the tables are made without it)

    style = {"svg.hashsalt": "paredown", "font.family": "sans-serif", "font.size": 9}
    style |= {f"axes.spines.{side}": False for side in ("top", "right", "left")}
    with plt.rc_context(style):
        rows = -(-len(results) // _COLUMNS)
        figure, grid = plt.subplots(rows, _COLUMNS, figsize=(8.2, 1.7 * rows), layout="constrained", squeeze=False)
        for axes in grid.flat[len(results) :]:
            axes.set_visible(False)
        for axes, result in zip(grid.flat, results, strict=False):
            _panel(axes, result["training"])
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def _panel(axes: "Axes", case: Mapping[str, Any]) -> None:
    sign = 1.0 if case["higher_is_better"] else -1.0
    pairs = {pair["b"]: pair for pair in case["pairs"] if pair["a"] == "control"}
    for place, (label, colour) in enumerate(reversed(_COLOURS.items())):
        pair = pairs[label]
        found = pair["difference"]
        low, high = sorted((sign * found["low"], sign * found["high"]))
        wins = pair["outcome"] == "b wins"
        axes.plot([low, high], [place, place], color=colour, lw=2)
        axes.plot(sign * found["estimate"], place, "o", color=colour, ms=6, mfc=colour if wins else "white")
    axes.axvline(0.0, color="#555555", lw=0.8)
    axes.locator_params(axis="x", nbins=5)
    axes.set_yticks(range(len(_COLOURS)), list(reversed(_COLOURS)))
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.6, len(_COLOURS) - 0.4)
    axes.grid(axis="x", color="#eeeeee")
    axes.set_axisbelow(True)
    axes.set_title(textwrap.fill(case["title"], 48), fontsize=9, loc="left")
    axes.set_xlabel("points better" if case["unit"] == "%" else f"{case['score']}, less", fontsize=8)
