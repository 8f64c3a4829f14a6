"""A number that admits how well it is known."""

import dataclasses

__all__ = ["Interval"]


@dataclasses.dataclass(frozen=True)
class Interval:
    """An estimate between two bounds.

    Attributes:
        estimate: the value itself.
        low: lower bound.
        high: upper bound.
        confidence: coverage, 0.95 unless said otherwise.
        kind: ``confidence`` (of the mean: decides) or ``prediction`` (of the next run: describes).

    """

    estimate: float
    low: float
    high: float
    confidence: float = 0.95
    kind: str = "confidence"
