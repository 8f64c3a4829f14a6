"""What is known of a number, asked in two ways that always agree."""

from typing import Protocol

from paredown.measure.interval import Interval

__all__ = ["Evidence"]


class Evidence(Protocol):
    """An estimate with its uncertainty.

    The interval and the p-value come from one distribution: the interval with confidence ``c`` leaves a bound out on its
    lower side exactly where ``p_above(bound) < (1 - c) / 2``.
    """

    def interval(self, confidence: float = 0.95) -> Interval:
        """Two-sided interval."""

    def p_above(self, bound: float) -> float:
        """One-sided p-value against "the number is at most `bound`"; one less it is that against "at least"."""
