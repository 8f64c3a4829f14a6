"""What was done to one candidate, step by step."""

import dataclasses
import math
from typing import TYPE_CHECKING

from paredown.report import numbers
from paredown.report.chart import change
from paredown.report.glyphs import family_names, glyph_name
from paredown.report.words import ROLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from paredown.run.summary import CandidateSummary, RunSummary, StepSummary

__all__ = ["Curve", "Entry", "Step", "entry"]

_WIDTH, _HEIGHT = 120, 30


@dataclasses.dataclass(frozen=True)
class Curve:
    """A small line drawing of one number over the epochs."""

    name: str
    points: str  # of an SVG polyline
    end: tuple[float, float]
    first: str
    last: str


@dataclasses.dataclass(frozen=True)
class Step:
    """One row of the step table."""

    title: str
    glyph: str
    reason: str
    seconds: str
    macs: str
    macs_share: str
    parameters: str
    parameters_share: str
    cached: bool
    curves: tuple[Curve, ...]


@dataclasses.dataclass(frozen=True)
class Entry:
    """The ledger of one candidate."""

    id: str
    label: str
    glyph: str
    families: str
    role: str
    status: str
    tags: tuple[str, ...]
    failure: str
    note: str
    facts: tuple[tuple[str, numbers.Shown], ...]
    steps: tuple[Step, ...]
    file: str
    sha256: str
    seconds: str


def entry(summary: "RunSummary", candidate: "CandidateSummary", original: "CandidateSummary | None") -> Entry:
    """Everything the report says about one candidate."""
    tags = [
        ("best", candidate.best),
        ("on the frontier", candidate.frontier),
        ("opened judge", candidate.judged and candidate.role != "original"),
    ]
    return Entry(
        id=candidate.id,
        label=candidate.label,
        glyph=glyph_name(candidate.families, candidate.role),
        families=family_names(candidate.families),
        role=ROLES.get(candidate.role, candidate.role),
        status=candidate.status,
        tags=tuple(word for word, holds in tags if holds),
        failure=candidate.failure,
        note=candidate.note,
        facts=tuple((name, value) for name, value in _facts(summary, candidate) if value.value != numbers.MISSING),
        steps=tuple(_step(step, original) for step in candidate.steps),
        file=candidate.file,
        sha256=candidate.sha256,
        seconds=numbers.duration(candidate.seconds) if candidate.seconds else "",
    )


def _facts(summary: "RunSummary", c: "CandidateSummary") -> list[tuple[str, numbers.Shown]]:
    split = "judge" if c.judged else "select"
    changed = change(summary, c) if c.role != "original" else numbers.Shown(numbers.MISSING)
    energy = "Energy, estimated" if c.energy_estimated else "Energy"
    return [
        (f"{summary.score_name.capitalize()} on {split}", numbers.interval(c.score, summary.score_unit)),
        ("Change", changed),
        ("Speed", numbers.inverse(c.ratio)),
        ("Latency p50", numbers.interval(c.latency, "ms")),
        ("Latency p95", numbers.interval(c.p95, "ms")),
        ("Latency p99", numbers.interval(c.p99, "ms")),
        ("Next run, ratio", numbers.interval(c.next_run)),
        ("Throughput", numbers.quantity(c.throughput, "/s")),
        ("Load", numbers.quantity(c.load, "ms")),
        ("First inference", numbers.quantity(c.first, "ms")),
        ("File", numbers.quantity(c.size, "bytes")),
        ("Compressed", numbers.quantity(c.compressed, "bytes")),
        ("Memory", numbers.quantity(c.memory, "bytes")),
        (energy, numbers.quantity(c.energy, "mJ")),
        ("MACs", numbers.Shown(numbers.count(c.macs))),
        ("Parameters", numbers.Shown(numbers.count(c.parameters))),
    ]


def _step(step: "StepSummary", original: "CandidateSummary | None") -> Step:
    return Step(
        title=step.title,
        glyph=glyph_name((step.family,)),
        reason=step.reason,
        seconds=numbers.duration(step.seconds),
        macs=numbers.count(step.macs),
        macs_share=_share(step.macs, original.macs if original else None),
        parameters=numbers.count(step.parameters),
        parameters_share=_share(step.parameters, original.parameters if original else None),
        cached=step.cached,
        curves=tuple(curve for name in ("loss", "select") if (curve := _curve(name, step.history)) is not None),
    )


def _share(value: float, of: float | None) -> str:
    return f"{numbers.fixed(100 * value / of, 0)} %" if of else ""


def _curve(name: str, history: "Sequence[Mapping[str, float]]") -> Curve | None:
    values = [
        float(row[name]) for row in history if isinstance(row.get(name), (int, float)) and math.isfinite(row[name])
    ]
    if not values:
        return None
    low, high = min(values), max(values)
    xs = [_WIDTH * i / max(1, len(values) - 1) for i in range(len(values))]
    ys = [_HEIGHT * (0.5 if high == low else (high - v) / (high - low)) for v in values]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
    return Curve(
        name,
        points,
        (round(xs[-1], 1), round(ys[-1], 1)),
        numbers.significant(values[0]),
        numbers.significant(values[-1]),
    )
