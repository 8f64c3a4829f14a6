"""The three things that can be claimed of two arms, and how sure each of them is."""

import dataclasses
import math
import statistics
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from paredown.measure import bootstrap, proportions, sequential, student
from paredown.measure.interval import Interval
from paredown.measure.latency import Latency
from paredown.measure.quality import quality
from paredown.verdict.measured import Measured
from paredown.verdict.pair import Arm, Margins, Pair, Result, Rows

if TYPE_CHECKING:
    from paredown.scores import Score

__all__ = ["Claim", "claims_of"]

_ALPHA = 0.05
_TIMES = 4000


@dataclasses.dataclass(frozen=True)
class Claim:
    """The best supported of: a wins, tie, b wins.

    Attributes:
        difference: b against a.
        p: two-sided p-value of the best supported claim; None where the numbers are counted.
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


def _best(
    p_above: Callable[[float], float], low: float, high: float, above: Result, below: Result
) -> tuple[float, Result]:
    """Two-sided p-value and name of the best supported claim about a difference and the margins `low` and `high`.

    Args:
        p_above: one-sided p-value against "the difference is at most the bound".
        low: lower margin.
        high: upper margin.
        above: what a difference above `high` means.
        below: what a difference below `low` means.

    """
    beyond, within_low = p_above(high), p_above(low)
    options = [(beyond, above), (1 - within_low, below), (max(within_low, 1 - beyond), Result.TIE)]
    p, best = min(options, key=lambda option: option[0])
    return min(1.0, 2 * p), best


def _score(  # noqa: PLR0913, PLR0917 (one call per pair)
    a: Arm, b: Arm, score: "Score", margins: Margins, scope: str, seed: int, *, paired: bool
) -> Claim:
    values = [np.array([score.reduce(np.asarray(rows, dtype=float)) for rows in arm.rows]) for arm in (a, b)]
    margin = margins.score or (0.5 if score.unit == "%" else 0.005 * abs(float(values[0].mean())) or 0.005)
    better, worse = (Result.B_WINS, Result.A_WINS) if score.higher_is_better else (Result.A_WINS, Result.B_WINS)
    if scope == "files":
        difference, p_above = _score_of_files(a.rows[0], b.rows[0], score, seed)
    else:
        seedwise = paired and len(a.rows) == len(b.rows)
        difference, p_above = _score_of_recipes(a.rows, b.rows, values, score, seed, paired=seedwise)
    p, best = _best(p_above, -margin, margin, better, worse)
    unit = "pt" if score.unit == "%" else score.unit
    return Claim(a.label, b.label, "score", difference, unit, margin, p, best, scope)


def _score_of_files(first: Rows, second: Rows, score: "Score", seed: int) -> tuple[Interval, Callable[[float], float]]:
    found = quality(second, first, score, times=_TIMES, seed=seed)
    sign = -1.0 if score.higher_is_better else 1.0
    edges = sorted((sign * found.drop.low, sign * found.drop.high))
    difference = Interval(sign * found.drop.estimate, edges[0], edges[1])
    if found.discordant is not None:
        lost, won = found.discordant
        unit = score.reduce(np.ones((1, 1))) - score.reduce(np.zeros((1, 1)))
        if unit > 0:
            return difference, lambda bound: proportions.paired_p_above(won, lost, found.n, bound / unit)
        return difference, lambda bound: 1 - proportions.paired_p_above(won, lost, found.n, bound / unit)
    drawn = bootstrap.replicates(score, [np.asarray(first, dtype=float), np.asarray(second, dtype=float)], _TIMES, seed)
    return difference, lambda bound: bootstrap.p_above(drawn[1] - drawn[0], bound)


def _score_of_recipes(  # noqa: PLR0913 (two sides and how they are compared)
    first: Sequence[Rows],
    second: Sequence[Rows],
    values: Sequence[np.ndarray],
    score: "Score",
    seed: int,
    *,
    paired: bool,
) -> tuple[Interval, Callable[[float], float]]:
    """Seeds are drawn anew by the next user, and so are examples: both count."""
    drawn = bootstrap.replicates(score, [np.asarray(rows, dtype=float) for rows in (*first, *second)], 1000, seed)
    by_examples = drawn[len(first) :].mean(0) - drawn[: len(first)].mean(0)
    by_examples_variance = float(np.nanvar(by_examples, ddof=1))
    if paired:
        differences = values[1] - values[0]
        return _welch(float(differences.mean()), np.zeros(1), differences, by_examples_variance)
    return _welch(float(values[1].mean() - values[0].mean()), values[0], values[1], by_examples_variance)


def _welch(
    estimate: float, first: np.ndarray, second: np.ndarray, extra: float = 0.0
) -> tuple[Interval, Callable[[float], float]]:
    drawn = [values for values in (first, second) if len(values) > 1]  # a single value is one without chance
    parts = [values.var(ddof=1) / len(values) for values in drawn]
    squares = sum(part**2 / (len(values) - 1) for part, values in zip(parts, drawn, strict=True))
    freedom = sum(parts) ** 2 / squares if squares > 0 else max(1, len(first) + len(second) - 2)
    error = math.sqrt(sum(parts) + extra)
    half = student.quantile(0.975, freedom) * error
    difference = Interval(estimate, estimate - half, estimate + half)
    return difference, lambda bound: student.p_above([estimate], bound, freedom, error)


def _latency(labels: tuple[str, str], timed: Sequence[Sequence[Latency]], margins: Margins, scope: str) -> Claim:
    if scope == "recipes":
        logs = [np.array([np.mean(one.log_ratios or (0.0,)) for one in latencies]) for latencies in timed]
        between = sum(_noise(latencies[0]) for latencies in timed if len(latencies) == 1)
        difference, p_above = _welch(float(logs[1].mean() - logs[0].mean()), logs[0], logs[1], between)
        looks: tuple[int, ...] = (1,)
    else:
        difference, p_above, looks = _latency_of_files(timed[0][0], timed[1][0])
    edge = math.log1p(margins.latency)
    p, best = _best(p_above, -edge, edge, Result.A_WINS, Result.B_WINS)
    shown = Interval(_per_cent(difference.estimate), _per_cent(difference.low), _per_cent(difference.high))
    return Claim(*labels, "latency", shown, "%", 100 * margins.latency, sequential.adjust(p, looks), best, scope)


def _noise(latency: Latency) -> float:
    """Variance of the mean of a file's log-ratios, which is all the chance there is in an arm of one file."""
    ratios = np.array(latency.log_ratios)
    return float(ratios.var(ddof=1) / len(ratios)) if len(ratios) > 1 else 0.0


def _per_cent(log_ratio: float) -> float:
    return 100 * math.expm1(min(log_ratio, 20.0))


def _latency_of_files(a: Latency, b: Latency) -> tuple[Interval, Callable[[float], float], tuple[int, ...]]:
    looks = max(a.looks, b.looks, key=len)
    logs = _paired(a, b)
    if logs is None:
        first, second = (
            np.log(side.samples) if not (a.log_ratios and b.log_ratios) else np.array(side.log_ratios)
            for side in (a, b)
        )
        return *_welch(float(second.mean() - first.mean()), first, second), looks
    difference = student.interval(logs, level=sequential.level(looks))
    return difference, lambda bound: student.p_above(logs, bound), looks


def _paired(a: Latency, b: Latency) -> list[float] | None:
    """Log-ratios b over a, process by process, where both took part in the same rounds."""
    if a.session != b.session or (a.group != b.group and min(a.group, b.group) >= 0):
        return None
    if not a.log_ratios or not b.log_ratios:  # one of them is the baseline
        return [float(value) for value in b.log_ratios] or [-float(value) for value in a.log_ratios]
    return [float(second - first) for first, second in zip(a.log_ratios, b.log_ratios, strict=False)]


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
