"""Intervals by resampling examples, for scores of any kind."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from paredown.measure.interval import Interval

if TYPE_CHECKING:
    from paredown.scores import Score

__all__ = ["Resampled", "jackknife", "replicates"]

_PORTION = 4_000_000  # weights held at a time: 32 MB
_GROUPS = 200
_TAIL = 0.005

Numbers = NDArray[np.floating[Any]]


def _draws(count: int, times: int, seed: int) -> Iterator[Numbers]:
    generator = np.random.default_rng(seed)
    step = max(1, _PORTION // count)
    for start in range(0, times, step):
        drawn = generator.integers(0, count, (min(step, times - start), count))
        yield np.stack([np.bincount(row, minlength=count) for row in drawn]).astype(float)


def replicates(score: "Score", files: Sequence[Numbers], times: int = 2000, seed: int = 0) -> Numbers:
    """Scores of resamples, the same examples drawn for every file.

    Args:
        score: the task's score.
        files: rows ``[n, k]`` of each file.
        times: number of resamples.
        seed: equal seeds, equal resamples.

    Returns:
        ``[files, times]``.

    """
    from paredown.scores import resampled  # noqa: PLC0415 (torch is heavy)

    portions = [
        np.stack([resampled(score, rows, weights) for rows in files]) for weights in _draws(len(files[0]), times, seed)
    ]
    return np.concatenate(portions, axis=1)


def jackknife(score: "Score", files: Sequence[Numbers], seed: int = 0) -> Numbers:
    """Scores with one of up to 200 random groups of examples left out, ``[files, groups]``."""
    from paredown.scores import resampled  # noqa: PLC0415

    count = len(files[0])
    groups = min(count, _GROUPS)
    member = np.random.default_rng(seed).permutation(count) % groups
    weights = (member[None, :] != np.arange(groups)[:, None]).astype(float)
    return np.stack([resampled(score, rows, weights) for rows in files])


@dataclasses.dataclass(frozen=True)
class Resampled:
    """A statistic and how it scatters over resamples; a `paredown.measure.evidence.Evidence`.

    Intervals are bias-corrected and accelerated (BCa, Efron 1987) and p-values their inversion. Between the resamples of
    rank 0.5 % and 99.5 % both read the empirical distribution; beyond, where a few thousand resamples say nothing, it
    goes on as a normal one of the same spread on that side, so that no p-value ends at one over their number.

    Attributes:
        value: the statistic of all examples.
        places, scores: the distribution of resamples: values, ascending, and their normal scores.
        bias: normal score of `value` among the resamples.
        acceleration: how the spread changes with the statistic.

    """

    value: float
    places: Numbers
    scores: Numbers
    bias: float
    acceleration: float

    @classmethod
    def of(cls, value: float, draws: Numbers, left_out: Numbers) -> "Resampled":
        """Take the statistic of each resample and the statistic without each group of examples.

        Those that could not be computed (NaN) are left out.
        """
        places, scores = _distribution(draws[np.isfinite(draws)])
        bias = float(_along(value, places, scores)) if len(places) > 1 else 0.0
        return cls(value, places, scores, bias, _acceleration(left_out[np.isfinite(left_out)]))

    def interval(self, confidence: float = 0.95) -> Interval:
        """BCa interval; a point where all resamples are equal, unbounded where there are none."""
        from scipy.special import ndtri  # noqa: PLC0415 (not needed in the worker)

        if len(self.places) < 2:
            edges = [float(self.places[0])] * 2 if len(self.places) else [-np.inf, np.inf]
        else:
            edges = [self._edge(self.bias + float(ndtri(share))) for share in _outer(confidence)]
        return Interval(self.value, edges[0], edges[1], confidence)

    def _edge(self, shifted: float) -> float:
        slack = 1 - self.acceleration * shifted
        if slack <= 0:
            return float(np.copysign(np.inf, shifted))
        return float(_along(self.bias + shifted / slack, self.scores, self.places))

    def p_above(self, bound: float) -> float:
        """One-sided p-value against "the statistic is at most `bound`": the level whose BCa bound lies there."""
        from scipy.special import ndtr  # noqa: PLC0415

        if len(self.places) < 2:
            return float(0.5 * (1 + np.sign(bound - self.places[0]))) if len(self.places) else 0.5
        distance = float(_along(bound, self.places, self.scores)) - self.bias
        slack = 1 + self.acceleration * distance
        if slack <= 0:
            return float(distance > 0)
        return float(ndtr(distance / slack - self.bias))


def _outer(confidence: float) -> tuple[float, float]:
    return (1 - confidence) / 2, (1 + confidence) / 2


def _distribution(known: Numbers) -> tuple[Numbers, Numbers]:
    """Distinct values and the normal scores of their middle ranks, without the few at either end (see `_TAIL`)."""
    from scipy.special import ndtri  # noqa: PLC0415

    places, counts = np.unique(known, return_counts=True)
    if len(places) < 2:
        return places, np.zeros(len(places))
    ranks = (np.cumsum(counts) - counts / 2) / counts.sum()
    inner = (ranks >= _TAIL) & (ranks <= 1 - _TAIL)
    kept = inner if inner.sum() > 2 else np.ones(len(places), dtype=bool)
    return places[kept], ndtri(ranks[kept])


def _along(value: float, there: Numbers, here: Numbers) -> float:
    """Linear interpolation; beyond the ends along the line from the middle to that end."""
    if there[0] <= value <= there[-1]:
        return float(np.interp(value, there, here))
    end, middle = (0, len(there) // 2) if value < there[0] else (-1, (len(there) - 1) // 2)
    slope = (here[end] - here[middle]) / (there[end] - there[middle])
    return float(here[end] + slope * (value - there[end]))


def _acceleration(left_out: Numbers) -> float:
    """From the jackknife (Efron and Tibshirani 1993, section 14.3)."""
    change = left_out.mean() - left_out if len(left_out) else left_out
    power = float(np.sum(change**2)) ** 1.5
    return float(np.sum(change**3)) / (6 * power) if power > 0 else 0.0
