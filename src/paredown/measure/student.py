"""Intervals from few independent values: Student's t."""

import math
from collections.abc import Sequence

import numpy as np

from paredown.measure.interval import Interval

__all__ = ["interval", "p_above", "quantile"]


def quantile(probability: float, freedom: float) -> float:
    """Quantile of Student's t distribution."""
    from scipy.special import stdtrit  # noqa: PLC0415 (half a second that a measuring process must not pay)

    return float(stdtrit(freedom, probability))


def p_above(values: Sequence[float], bound: float, freedom: float | None = None, error: float | None = None) -> float:
    """One-sided p-value against "the mean is at most `bound`".

    Args:
        values: independent values.
        bound: what the mean is compared with.
        freedom: degrees of freedom, where they are not ``len(values) - 1`` (Welch).
        error: standard error of the mean, where it is not that of `values`.

    """
    from scipy.special import stdtr  # noqa: PLC0415

    numbers = np.asarray(values, dtype=float)
    spread = float(numbers.std(ddof=1)) / math.sqrt(len(numbers)) if error is None else error
    distance = float(numbers.mean()) - bound
    if spread == 0.0:
        return 0.5 if distance == 0.0 else float(distance < 0.0)
    return float(stdtr(len(numbers) - 1 if freedom is None else freedom, -distance / spread))


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
