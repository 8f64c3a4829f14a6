"""The three things that can be claimed of two arms, and how sure each of them is."""

import dataclasses
import math
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from paredown.measure.evidence import Evidence
from paredown.measure.interval import Interval
from paredown.measure.latency import Latency
from paredown.verdict.differences import latency_difference, score_difference
from paredown.verdict.measured import Measured
from paredown.verdict.pair import Arm, Margins, Pair, Result

if TYPE_CHECKING:
    from paredown.scores import Score

__all__ = ["Claim", "best_supported", "claims_of"]

_ALPHA = 0.05


@dataclasses.dataclass(frozen=True)
class Claim:
    """The best supported of: a wins, tie, b wins.

    Attributes:
        difference: b against a.
        p: p-value of the best supported claim (see `best_supported`); None where the numbers are counted.
        best: that claim.
        margin: half width of the tie, in `unit`.
        scope: ``files`` or ``recipes``.

    """

    a: str
    b: str
    quantity: str
    difference: Interval
    unit: str
    margin: float
    p: float | None
    best: Result
    scope: str

    def pair(self, p_holm: float | None) -> Pair:
        """The head-to-head once the p-value is corrected."""
        outcome = self.best if p_holm is None or p_holm <= _ALPHA else Result.CANNOT_TELL
        return Pair(self.a, self.b, self.quantity, self.difference, self.unit, outcome, p_holm, self.margin, self.scope)


def claims_of(  # noqa: PLR0913, PLR0917 (one call per pair)
    a: Arm, b: Arm, score: "Score | None", margins: Margins, scope: str, seed: int, *, paired: bool = False
) -> list[Claim]:
    """One claim per quantity that both arms were measured in."""
    found = []
    if score is not None and a.rows and b.rows:
        found.append(_score(a, b, score, margins, scope, seed, paired=paired))
    timed = [[file.latency for file in arm.files if file.latency is not None] for arm in (a, b)]
    if [len(latencies) for latencies in timed] == [len(a.files), len(b.files)]:
        found.append(_latency((a.label, b.label), timed, margins, scope))
    for name, margin in (("size", margins.size), ("memory", margins.memory)):
        claim = _counted(a, b, name, margin, scope)
        if claim is not None:
            found.append(claim)
    return found


def best_supported(known: Evidence, low: float, high: float, above: Result, below: Result) -> tuple[float, Result]:
    """p-value and name of the best supported claim about a difference and the margins `low` and `high`.

    A win may lie on either side, so its one-sided p-value counts twice. A tie is both one-sided tests at once, each at the
    full level (Schuirmann 1987). Of the three claims at most one is true, and where one is, the two others together are made
    no more often than the level says: a win on the other side lies beyond what the tie excludes.

    Args:
        known: of the difference.
        low: lower margin.
        high: upper margin.
        above: what a difference above `high` means.
        below: what a difference below `low` means.

    """
    beyond, within = known.p_above(high), known.p_above(low)
    options = [(2 * beyond, above), (2 * (1 - within), below), (max(within, 1 - beyond), Result.TIE)]
    p, best = min(options, key=lambda option: option[0])
    return min(1.0, p), best


def _score(  # noqa: PLR0913, PLR0917 (one call per pair)
    a: Arm, b: Arm, score: "Score", margins: Margins, scope: str, seed: int, *, paired: bool
) -> Claim:
    means = [statistics.fmean(score.reduce(np.asarray(rows, dtype=float)) for rows in arm.rows) for arm in (a, b)]
    margin = margins.of_score(score.unit, *means)
    better, worse = (Result.B_WINS, Result.A_WINS) if score.higher_is_better else (Result.A_WINS, Result.B_WINS)
    known = score_difference(a, b, score, scope, seed, paired=paired)
    p, best = best_supported(known, -margin, margin, better, worse)
    unit = "pt" if score.unit == "%" else score.unit
    return Claim(a.label, b.label, "score", known.interval(), unit, margin, p, best, scope)


def _latency(labels: tuple[str, str], timed: Sequence[Sequence[Latency]], margins: Margins, scope: str) -> Claim:
    known = latency_difference(timed, scope)
    edge = math.log1p(margins.latency)
    p, best = best_supported(known, -edge, edge, Result.A_WINS, Result.B_WINS)
    found = known.interval()
    shown = Interval(_per_cent(found.estimate), _per_cent(found.low), _per_cent(found.high))
    return Claim(*labels, "latency", shown, "%", 100 * margins.latency, p, best, scope)


def _per_cent(log_ratio: float) -> float:
    return 100 * math.expm1(min(log_ratio, 20.0))


def _counted(a: Arm, b: Arm, name: str, margin: float, scope: str) -> Claim | None:
    sides = [[value for file in arm.files if (value := _bytes(file, name)) is not None] for arm in (a, b)]
    if any(len(values) < len(arm.files) for values, arm in zip(sides, (a, b), strict=True)):
        return None
    if min(value for values in sides for _, value, _ in values) <= 0:
        return None  # below what can be resolved: no ratio
    low, middle, high = (
        100
        * (statistics.fmean(value[i] for value in sides[1]) / statistics.fmean(value[2 - i] for value in sides[0]) - 1)
        for i in range(3)
    )
    edge, limit = 100 * margin, -100 * margin / (1 + margin)
    best = Result.A_WINS if low > edge else Result.B_WINS if high < limit else Result.CANNOT_TELL
    if low >= limit and high <= edge:
        best = Result.TIE
    return Claim(a.label, b.label, name, Interval(middle, low, high), "%", edge, None, best, scope)


def _bytes(file: Measured, name: str) -> tuple[float, float, float] | None:
    if name == "size":
        return None if file.size is None else (file.size.bytes,) * 3
    if file.memory is None:
        return None
    value, spread = file.memory.over_empty_bytes, file.memory.spread_bytes
    return (max(value - spread, 1), value, value + spread)
