"""The head-to-head of techniques: intervals against the original, and who beats whom."""

import dataclasses
import math
from typing import TYPE_CHECKING

from paredown.measure.interval import Interval
from paredown.report import numbers
from paredown.report.chart import change, change_unit, changed
from paredown.report.glyphs import family_names, glyph_name
from paredown.report.words import mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paredown.run.summary import CandidateSummary, PairSummary, RunSummary

__all__ = ["Cell", "Forest", "Matrix", "Row", "Scale", "Span", "contenders", "forest", "matrices", "sentence"]

_MOST = 12


@dataclasses.dataclass(frozen=True)
class Span:
    """An interval on a scale, in per cent of its width."""

    low: float
    middle: float
    high: float


@dataclasses.dataclass(frozen=True)
class Scale:
    """One column of the forest plot."""

    title: str
    ticks: tuple[tuple[float, str], ...]  # position in per cent, label
    reference: float  # where the original stands
    band: tuple[float, float] | None  # the margin within which a difference does not count


@dataclasses.dataclass(frozen=True)
class Row:
    """One candidate of the forest plot."""

    id: str
    label: str
    glyph: str
    families: str
    best: bool
    control: bool
    spans: tuple[Span | None, ...]
    shown: tuple[numbers.Shown, ...]
    size: numbers.Shown


@dataclasses.dataclass(frozen=True)
class Forest:
    """Compared candidates against the original."""

    scales: tuple[Scale, ...]
    rows: tuple[Row, ...]


@dataclasses.dataclass(frozen=True)
class Cell:
    """What a row's candidate is against a column's."""

    outcome: str  # wins, loses, tie, cannot tell; empty on the diagonal and where nothing was compared
    icon: str = ""
    style: str = ""
    index: int | None = None  # of the pair among all pairs


@dataclasses.dataclass(frozen=True)
class Matrix:
    """All head-to-heads in one quantity."""

    quantity: str
    labels: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def contenders(summary: "RunSummary") -> tuple["CandidateSummary", ...]:
    """The compared arms and the best file; where nothing was compared, the measured frontier.

    What a search trained too little to judge its technique is left out.
    """
    told = [c for c in summary.candidates if c.status == "measured" and c.role != "original"]
    measured = [c for c in told if c.best or not c.note or summary.command != "compress"]
    chosen = sorted((c for c in measured if c.role in ("arm", "control") or c.best), key=_rank)
    if not any(c.role == "arm" for c in chosen):
        chosen = [c for c in measured if c.frontier or c.best or c.role == "control"]
    return tuple(chosen[:_MOST])


def _rank(candidate: "CandidateSummary") -> int:
    return 0 if candidate.role == "arm" else 1 if candidate.best else 2


def forest(summary: "RunSummary") -> Forest:
    """Ratio of latency and change of score of the contenders, on shared scales."""
    found = contenders(summary)
    ratios = [_percent(c.ratio) for c in found]
    changes = [changed(summary, c) for c in found]
    margin = summary.margins
    scales, spans = [], []
    for title, values, reference, half, floor in (
        ("Latency, % of the original", ratios, 100.0, 100 * margin.get("latency", 0.0), 0.0),
        (
            f"Change of {summary.score_name}, {change_unit(summary)}".rstrip(", "),
            changes,
            0.0,
            margin.get("score", 0.0),
            None,
        ),
    ):
        low, high = _domain(values, reference, half, floor)
        scales.append(_scale(title, low, high, reference, half))
        spans.append([_span(value, low, high) for value in values])
    rows = tuple(
        Row(
            c.id,
            c.label,
            glyph_name(c.families, c.role),
            family_names(c.families),
            c.best,
            c.role == "control",
            (spans[0][i], spans[1][i]),
            (numbers.interval(ratios[i], "%"), change(summary, c)),
            numbers.quantity(c.size, "bytes"),
        )
        for i, c in enumerate(found)
    )
    return Forest(tuple(scales), rows)


def _percent(ratio: Interval | None) -> Interval | None:
    if ratio is None:
        return None
    return dataclasses.replace(ratio, estimate=100 * ratio.estimate, low=100 * ratio.low, high=100 * ratio.high)


def _domain(
    values: "Sequence[Interval | None]", reference: float, half: float, floor: float | None
) -> tuple[float, float]:
    edges = [reference - half, reference + half]
    edges += [edge for v in values if v is not None for edge in (v.estimate, v.low, v.high) if math.isfinite(edge)]
    low, high = min(edges), max(edges)
    pad = 0.06 * (high - low) or 1.0
    return (low - pad if floor is None else floor), high + pad


def _scale(title: str, low: float, high: float, reference: float, half: float) -> Scale:
    def at(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    step = _nice((high - low) / 3)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    first = math.ceil(low / step - 1e-9)
    values = [(first + i) * step for i in range(int((high - first * step) / step + 1e-9) + 1)]
    ticks = tuple((at(v), numbers.fixed(v, decimals)) for v in values)
    return Scale(title, ticks, at(reference), (at(reference - half), at(reference + half)) if half else None)


def _nice(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return float(next(m * power for m in (1, 2, 5, 10) if m * power >= step * 0.999))


def _span(value: Interval | None, low: float, high: float) -> Span | None:
    if value is None or not math.isfinite(value.estimate):
        return None

    def at(number: float) -> float:
        return round(min(100.0, max(0.0, 100 * (number - low) / (high - low))), 2)

    known = not (math.isnan(value.low) or math.isnan(value.high))
    return Span(
        at(value.low if known else value.estimate), at(value.estimate), at(value.high if known else value.estimate)
    )


def matrices(summary: "RunSummary") -> tuple[Matrix, ...]:
    """One table of outcomes per quantity that was compared, labels in the order they first appear."""
    quantities = dict.fromkeys(pair.quantity for pair in summary.pairs)
    return tuple(
        _matrix(q, [(i, pair) for i, pair in enumerate(summary.pairs) if pair.quantity == q]) for q in quantities
    )


def _matrix(quantity: str, pairs: "Sequence[tuple[int, PairSummary]]") -> Matrix:
    labels = tuple(dict.fromkeys(label for _, pair in pairs for label in (pair.a, pair.b)))[:_MOST]
    known = {}
    for index, pair in pairs:
        known[pair.a, pair.b] = _cell(pair, index, {"a wins": "wins", "b wins": "loses"})
        known[pair.b, pair.a] = _cell(pair, index, {"a wins": "loses", "b wins": "wins"})
    rows = tuple(tuple(known.get((a, b), Cell("")) for b in labels) for a in labels)
    return Matrix(quantity, labels, rows)


def _cell(pair: "PairSummary", index: int, words: dict[str, str]) -> Cell:
    outcome = words.get(pair.outcome, pair.outcome)
    icon, _, style = mark(outcome)
    return Cell(outcome, icon, style, index)


def sentence(pair: "PairSummary") -> str:
    """One head-to-head in words."""
    verdict = pair.outcome.replace("a wins", f"{pair.a} wins").replace("b wins", f"{pair.b} wins")
    shown = numbers.interval(pair.difference, pair.unit, plus=True)
    moved = "" if shown.value == numbers.MISSING else f" {pair.b} against {pair.a}: {shown.full}."
    chance = "" if pair.p is None else f" p {_probability(pair.p)} (Holm)."
    return f"{pair.quantity.capitalize()}: {verdict}.{moved}{chance}"


def _probability(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {numbers.significant(p, 2)}"
