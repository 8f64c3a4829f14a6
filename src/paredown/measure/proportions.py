"""Shares of right answers, alone and in pairs, where every row is 0 or 1.

A bootstrap says "no doubt at all" when two files happen to agree on every example. These intervals do not: agreeing on
all of n examples still leaves room for about 3.8/n.
"""

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from paredown.measure import student
from paredown.measure.interval import Interval

__all__ = ["PairedShares", "mcnemar", "of_several", "paired_difference", "paired_p_above", "wilson"]


def _z(confidence: float) -> float:
    from scipy.special import ndtri  # noqa: PLC0415 (not needed in the worker)

    return float(ndtri((1 + confidence) / 2))


def wilson(hits: float, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a share (Wilson 1927).

    >>> low, high = wilson(0, 100)
    >>> (round(low, 4), round(high, 4))
    (0.0, 0.037)

    """
    z2 = _z(confidence) ** 2
    share = hits / count
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = math.sqrt(z2) / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p-value that two classifiers are right equally often (McNemar 1947).

    Args:
        only_first: examples that only the first has right.
        only_second: examples that only the second has right.

    >>> mcnemar(5, 5)
    1.0
    >>> round(mcnemar(0, 10), 5)
    0.00195

    """
    from scipy.special import bdtr  # noqa: PLC0415

    count = only_first + only_second
    return min(1.0, 2 * float(bdtr(min(only_first, only_second), count, 0.5))) if count else 1.0


def _score_statistic(only_first: int, only_second: int, count: int, difference: float) -> float:
    # Tango 1998: the difference of the shares against a supposed one, the variance estimated under that supposition.
    a = 2 * count
    b = -only_first - only_second + (2 * count - only_first + only_second) * difference
    c = -only_second * difference * (1 - difference)
    share = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = count * (2 * share + difference * (1 - difference))
    distance = only_first - only_second - count * difference
    if variance <= 0:
        return 0.0 if distance == 0 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def paired_p_above(only_first: int, only_second: int, count: int, bound: float) -> float:
    """One-sided p-value against "the first is right more often by at most `bound`" (Tango's score test)."""
    from scipy.special import ndtr  # noqa: PLC0415

    if not -1 < bound < 1:
        return float(bound >= 1)
    return float(ndtr(-_score_statistic(only_first, only_second, count, bound)))


def paired_difference(only_first: int, only_second: int, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of the difference of two paired shares, first minus second (Tango 1998).

    Args:
        only_first: examples that only the first has right.
        only_second: examples that only the second has right.
        count: all examples.
        confidence: coverage.

    >>> low, high = paired_difference(0, 0, 600)
    >>> (round(low, 4), round(high, 4))
    (-0.0064, 0.0064)

    """
    z = _z(confidence)
    estimate = (only_first - only_second) / count

    def edge(outer: float, sign: float) -> float:
        inner = estimate
        for _ in range(60):
            middle = (inner + outer) / 2
            if sign * _score_statistic(only_first, only_second, count, middle) > z:
                outer = middle
            else:
                inner = middle
        return inner

    return edge(-1.0, 1.0), edge(1.0, -1.0)


@dataclasses.dataclass(frozen=True)
class PairedShares:
    """Two shares of right answers on the same examples, by Tango's score test; a `paredown.measure.evidence.Evidence`.

    The number is `unit` times the share of the first less that of the second.

    Attributes:
        only_first: examples that only the first has right.
        only_second: examples that only the second has right.
        count: all examples.
        unit: what a share of 1 counts as in the score; below 0 where right answers lower it.

    """

    only_first: int
    only_second: int
    count: int
    unit: float = 1.0

    def interval(self, confidence: float = 0.95) -> Interval:
        """Two-sided interval (see `paired_difference`)."""
        low, high = sorted(
            self.unit * edge for edge in paired_difference(self.only_first, self.only_second, self.count, confidence)
        )
        return Interval(self.unit * (self.only_first - self.only_second) / self.count, low, high, confidence)

    def p_above(self, bound: float) -> float:
        """One-sided p-value against "the difference is at most `bound`"."""
        p = paired_p_above(self.only_first, self.only_second, self.count, bound / self.unit)
        return p if self.unit > 0 else 1 - p


def of_several(differences: NDArray[np.floating], unit: float = 1.0) -> student.Estimate:
    """Mean difference of shares where each side is the mean of several files.

    Half an example is added on either side (Agresti and Min 2005), so that files which agree everywhere are not beyond
    doubt.

    Args:
        differences: per example, between -1 and 1: the share of the first side's files that have it right less that of
            the second's.
        unit: what a share of 1 counts as in the score.

    """
    count = len(differences) + 2
    middle = float(np.sum(differences)) / count
    variance = (float(np.sum(differences**2)) + 1) / count - middle**2
    error = abs(unit) * math.sqrt(variance / count)
    return student.Estimate(unit * float(np.mean(differences)), error, count - 1)
