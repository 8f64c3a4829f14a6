"""The table of all candidates: one number of decimals per column, so that the numbers stand in line."""

import dataclasses
import math
import statistics
from typing import TYPE_CHECKING

from paredown.measure.interval import Interval
from paredown.report import numbers
from paredown.report.chart import change_unit, changed
from paredown.report.glyphs import glyph_name
from paredown.report.told import notable, told

if TYPE_CHECKING:
    from collections.abc import Callable

    from paredown.run.summary import CandidateSummary, RunSummary

__all__ = ["Column", "Table", "TableRow", "table"]


@dataclasses.dataclass(frozen=True)
class TableRow:
    """One line; ``cells`` are (value, bounds), ``sort`` holds one number per column, None last."""

    id: str
    label: str
    glyph: str
    notable: bool
    told: bool  # its steps are told below
    best: bool
    status: str
    failure: str
    note: str
    cells: tuple[tuple[str, str], ...]
    sort: tuple[float | None, ...]


@dataclasses.dataclass(frozen=True)
class Table:
    """Heads and lines."""

    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]


@dataclasses.dataclass(frozen=True)
class Column:
    """One quantity: its head, its value for a candidate, and what one shown unit is."""

    head: str
    value: "Callable[[CandidateSummary], Interval | float | None]"
    plus: bool = False
    inverse: bool = False
    down: bool = False  # the better values are the larger ones, so they come first


def table(summary: "RunSummary") -> Table:
    """All candidates, the notable ones first; quantities that nobody has are left out."""
    columns = [column for column in _columns(summary) if any(_known(column.value(c)) for c in summary.candidates)]
    decimals = [_decimals([column.value(c) for c in summary.candidates]) for column in columns]
    full = told(summary)
    rows = [
        TableRow(
            c.id,
            c.label,
            glyph_name(c.families, c.role),
            notable(c),
            c.id in full,
            c.best,
            c.status,
            c.failure,
            c.note,
            tuple(_cell(column, column.value(c), places) for column, places in zip(columns, decimals, strict=True)),
            tuple(_order(column, column.value(c)) for column in columns),
        )
        for c in summary.candidates
    ]
    heads = tuple(column.head for column in columns) or ("",)
    return Table(heads, tuple(sorted(rows, key=lambda row: not row.notable)))


def _columns(summary: "RunSummary") -> tuple[Column, ...]:
    def scaled(key: str) -> tuple[str, "Callable[[CandidateSummary], float | None]"]:
        largest = max((getattr(c, key) or 0 for c in summary.candidates), default=0)
        unit, scale = numbers.count_unit(largest) if key == "macs" else numbers.byte_unit(largest)
        return f", {unit}" if unit else "", lambda c: None if getattr(c, key) is None else getattr(c, key) / scale

    size_unit, size = scaled("size")
    memory_unit, memory = scaled("memory")
    macs_unit, macs = scaled("macs")
    unit = f", {summary.score_unit}" if summary.score_unit else ""
    points = f", {change_unit(summary)}" if change_unit(summary) else ""
    better = summary.score_higher_is_better
    return (
        Column(f"{summary.score_name[:1].upper()}{summary.score_name[1:]}{unit}", lambda c: c.score, down=better),
        Column(
            f"Change{points}", lambda c: None if c.role == "original" else changed(summary, c), plus=True, down=better
        ),
        Column("Speed, ×", lambda c: _speed(c.ratio), down=True),
        Column("p50, ms", lambda c: c.latency),
        Column("p95, ms", lambda c: c.p95),
        Column(f"Size{size_unit}", size),
        Column(f"Memory{memory_unit}", memory),
        Column(f"MACs{macs_unit}", macs),
    )


def _speed(ratio: Interval | None) -> Interval | None:
    if ratio is None or not ratio.estimate > 0:
        return None
    low = 1 / ratio.high if ratio.high > 0 else math.inf
    high = 1 / ratio.low if ratio.low > 0 else math.inf
    return dataclasses.replace(ratio, estimate=1 / ratio.estimate, low=low, high=high)


def _known(value: Interval | float | None) -> bool:
    return value is not None and math.isfinite(value.estimate if isinstance(value, Interval) else value)


def _decimals(values: list[Interval | float | None]) -> int:
    places = [
        numbers.decimals_for(v.low, v.high, v.estimate)
        for v in values
        if isinstance(v, Interval) and v.low < v.high and math.isfinite(v.high - v.low)
    ]
    if places:
        return statistics.median_low(places)
    plain = [abs(v.estimate if isinstance(v, Interval) else v) for v in values if v is not None and _known(v)]
    return numbers.decimals_for(0, 0, min((v for v in plain if v), default=1.0)) if max(plain, default=0) < 1000 else 0


def _cell(column: Column, value: Interval | float | None, decimals: int) -> tuple[str, str]:
    if value is None or not _known(value):
        return numbers.MISSING, ""
    show = numbers.signed if column.plus else numbers.fixed
    if not isinstance(value, Interval):
        return show(value, min(decimals, 2)), ""
    return show(value.estimate, decimals), numbers.interval(value, plus=column.plus).bounds


def _order(column: Column, value: Interval | float | None) -> float | None:
    if value is None or not _known(value):
        return None
    number = value.estimate if isinstance(value, Interval) else value
    return round(-number if column.down else number, 6)
