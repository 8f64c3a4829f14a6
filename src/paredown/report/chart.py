"""What the interactive frontier plot is drawn from: every number already rounded and worded."""

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from paredown.report import numbers
from paredown.report.glyphs import family_names, glyph_name
from paredown.report.told import told
from paredown.report.words import ROLES

if TYPE_CHECKING:
    from paredown.measure.interval import Interval
    from paredown.run.summary import CandidateSummary, RunSummary

__all__ = ["Axis", "axes", "change", "change_unit", "changed", "chart"]


@dataclasses.dataclass(frozen=True)
class Axis:
    """One quantity that can stand on the horizontal axis."""

    key: str
    title: str
    unit: str
    scale: float  # summary units per shown unit
    bound: float | None  # of the budget, in shown units


_TITLES = (
    ("latency", "Latency", "ms"),
    ("size", "Size", "bytes"),
    ("memory", "Memory", "bytes"),
    ("energy", "Energy", "mJ"),
)


def axes(summary: "RunSummary") -> tuple[Axis, ...]:
    """The quantities that at least one scored candidate has."""
    found = []
    for key, title, unit in _TITLES:
        values = [number for c in summary.candidates if c.score and (number := _number(c, key)) is not None]
        if values:
            shown, scale = numbers.byte_unit(max(values)) if unit == "bytes" else (unit, 1.0)
            bounds = [limit.bound / scale for limit in summary.limits if limit.quantity == key]
            found.append(Axis(key, title, shown, scale, min(bounds, default=None)))
    return tuple(found)


def chart(summary: "RunSummary") -> dict[str, Any]:
    """JSON for the script of the page; empty points where no candidate has a score and a cost."""
    shown = axes(summary)
    full = told(summary)
    points = [
        _point(summary, c, shown) if c.id in full else _short(c, shown)
        for c in summary.candidates
        if c.status == "measured" and _finite(c.score)
    ]
    return {
        "axes": [dataclasses.asdict(axis) for axis in shown],
        "score": {
            "title": summary.score_name,
            "unit": summary.score_unit,
            "up": summary.score_higher_is_better,
            "bound": _score_bound(summary),
        },
        "points": [point for point in points if point["x"]],
    }


def _score_bound(summary: "RunSummary") -> float | None:
    sign = 1 if summary.score_higher_is_better else -1
    original = next((c.score for c in summary.candidates if c.role == "original" and c.score), None)
    bounds = [limit.bound for limit in summary.limits if limit.quantity == "score"]
    if original is not None:
        bounds += [original.estimate - sign * limit.bound for limit in summary.limits if limit.quantity == "drop"]
    return (max if sign > 0 else min)(bounds) if bounds else None


def _point(summary: "RunSummary", candidate: "CandidateSummary", shown: tuple[Axis, ...]) -> dict[str, Any]:
    return {
        "id": candidate.id,
        "label": candidate.label,
        "kind": "original" if candidate.role == "original" else "best" if candidate.best else "",
        "families": list(candidate.families),
        "frontier": candidate.frontier,
        "arm": candidate.role == "arm",
        "glyph": glyph_name(candidate.families, candidate.role),
        "x": {axis.key: bars for axis in shown if (bars := _bars(candidate, axis)) is not None},
        "y": _triple(candidate.score, 1.0),
        "about": _about(candidate),
        "rows": _rows(summary, candidate),
    }


def _short(candidate: "CandidateSummary", shown: tuple[Axis, ...]) -> dict[str, Any]:
    """A point that takes its words from its line in the table."""
    places = {axis.key: [_digits(bars[0])] for axis in shown if (bars := _bars(candidate, axis)) is not None}
    score = _triple(candidate.score, 1.0)[0]
    return {
        "id": candidate.id,
        "glyph": glyph_name(candidate.families, candidate.role),
        "x": places,
        "y": [_digits(score)],
    }


def _digits(value: float | None) -> float | None:
    """As many digits as a plot of a few hundred pixels can show."""
    return None if value is None else float(f"{value:.5g}")


def _about(candidate: "CandidateSummary") -> str:
    role = "best" if candidate.best else ROLES.get(candidate.role, candidate.role)
    return ": ".join(word for word in (role, family_names(candidate.families)) if word)


def _rows(summary: "RunSummary", candidate: "CandidateSummary") -> list[list[str]]:
    rows = [
        [summary.score_name, numbers.interval(candidate.score, summary.score_unit).full],
        ["change", change(summary, candidate).full if candidate.role != "original" else numbers.MISSING],
        ["latency p50", numbers.interval(candidate.latency, "ms").full],
        ["speed", f"{numbers.inverse(candidate.ratio).full} of the original" if candidate.ratio else numbers.MISSING],
        ["size", numbers.quantity(candidate.size, "bytes").full],
        ["memory", numbers.quantity(candidate.memory, "bytes").full],
    ]
    return [row for row in rows if row[1] != numbers.MISSING]


def change_unit(summary: "RunSummary") -> str:
    """The unit of a difference of scores: points for per-cent scores."""
    return "pt" if summary.score_unit == "%" else summary.score_unit


def changed(summary: "RunSummary", candidate: "CandidateSummary") -> "Interval | None":
    """How the score moved, with its own sign: the drop read the other way where higher is better."""
    drop = candidate.drop
    if drop is None or not summary.score_higher_is_better:
        return drop
    return dataclasses.replace(drop, estimate=-drop.estimate, low=-drop.high, high=-drop.low)


def change(summary: "RunSummary", candidate: "CandidateSummary") -> numbers.Shown:
    """`changed`, ready to be printed."""
    return numbers.interval(changed(summary, candidate), change_unit(summary), plus=True)


def _number(candidate: "CandidateSummary", key: str) -> float | None:
    value = candidate.latency.estimate if key == "latency" and candidate.latency else getattr(candidate, key)
    return value if isinstance(value, (int, float)) and math.isfinite(value) else None


def _bars(candidate: "CandidateSummary", axis: Axis) -> list[float | None] | None:
    if axis.key == "latency":
        return _triple(candidate.latency, axis.scale) if _finite(candidate.latency) else None
    value = _number(candidate, axis.key)
    return None if value is None else [value / axis.scale, None, None]


def _finite(value: "Interval | None") -> bool:
    return value is not None and math.isfinite(value.estimate)


def _triple(value: "Interval | None", scale: float) -> list[float | None]:
    if value is None:
        return [None, None, None]
    estimate, low, high = value.estimate / scale, value.low / scale, value.high / scale
    known = math.isfinite(low) and math.isfinite(high) and low < high
    return [estimate, low if known else None, high if known else None]
