"""Intervals from few independent values: Student's t."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from paredown.measure import sequential
from paredown.measure.interval import Interval

__all__ = ["Estimate", "Part", "combined", "interval", "quantile"]


def quantile(probability: float, freedom: float) -> float:
    """Quantile of Student's t distribution."""
    from scipy.special import stdtrit  # noqa: PLC0415 (half a second that a measuring process must not pay)

    return float(stdtrit(freedom, probability))


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A mean, or a difference of means, whose error follows Student's t; a `paredown.measure.evidence.Evidence`.

    Attributes:
        value: the mean.
        error: its standard error.
        freedom: degrees of freedom of the error.
        looks: numbers of values after which one looked whether to stop; interval and p-value pay for all of them.

    """

    value: float
    error: float
    freedom: float
    looks: tuple[int, ...] = (1,)

    def interval(self, confidence: float = 0.95) -> Interval:
        """Two-sided interval; unbounded where nothing is known of the error."""
        if math.isinf(self.error):
            return Interval(self.value, -math.inf, math.inf, confidence)
        half = quantile(1 - sequential.level(self.looks, confidence) / 2, self.freedom) * self.error
        return Interval(self.value, self.value - half, self.value + half, confidence)

    def p_above(self, bound: float) -> float:
        """One-sided p-value against "the mean is at most `bound`"."""
        from scipy.special import stdtr  # noqa: PLC0415

        distance = self.value - bound
        if self.error == 0.0 or math.isinf(self.error):
            return 0.5 if distance == 0.0 or self.error else float(distance < 0.0)
        return sequential.adjust_one_sided(float(stdtr(self.freedom, -distance / self.error)), self.looks)


@dataclasses.dataclass(frozen=True)
class Part:
    """One of the independent reasons for which an estimate scatters.

    Attributes:
        variance: what it adds to the variance of the estimate.
        freedom: degrees of freedom with which that is known.

    """

    variance: float
    freedom: float

    @classmethod
    def of(cls, values: Sequence[float] | np.ndarray) -> "Part":
        """The scatter of independent values, as it reaches their mean; at least two."""
        return cls(float(np.var(values, ddof=1)) / len(values), len(values) - 1)


def combined(value: float, parts: Sequence[Part], looks: tuple[int, ...] = (1,)) -> Estimate:
    """An estimate whose variance is a sum of parts, each of which was itself estimated.

    The degrees of freedom are Welch's and Satterthwaite's (Welch 1938, Satterthwaite 1946): the square of the sum over
    the sum of each part's square over its own degrees of freedom. A small part known badly hardly counts beside a large one
    known well.
    """
    total = sum(part.variance for part in parts)
    squares = sum(part.variance**2 / part.freedom for part in parts)
    return Estimate(value, math.sqrt(total), total**2 / squares if squares > 0 else 1.0, looks)


def interval(
    values: Sequence[float], confidence: float = 0.95, *, kind: str = "confidence", level: float | None = None
) -> Interval:
    """Interval of the mean, or of the next value, of independent values.

    Args:
        values: at least one; with a single one the interval is unbounded.
        confidence: coverage that is stated.
        kind: ``confidence`` for the mean, ``prediction`` for one further value.
        level: two-sided error that is used, where looking several times makes it smaller than ``1 - confidence``.

    """
    numbers = np.asarray(values, dtype=float)
    mean, count = float(numbers.mean()), len(numbers)
    if count < 2:
        return Interval(mean, -math.inf, math.inf, confidence, kind)
    share = 1 / count + (1.0 if kind == "prediction" else 0.0)
    error = (1 - confidence) if level is None else level
    half = quantile(1 - error / 2, count - 1) * float(numbers.std(ddof=1)) * math.sqrt(share)
    return Interval(mean, mean - half, mean + half, confidence, kind)
