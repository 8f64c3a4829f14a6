"""What was measured of one file, in one place."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

from paredown.measure.energy import Energy
from paredown.measure.interval import Interval
from paredown.measure.latency import Latency
from paredown.measure.memory import Memory
from paredown.measure.quality import Quality
from paredown.measure.size import Size

__all__ = ["Measured", "exactly", "one_sided"]

_ONE_SIDED = 1.6448536269514722 / 1.959963984540054


@dataclasses.dataclass(frozen=True)
class Measured:
    """Measurements of one file; what was not measured is None.

    Attributes:
        label: short name for people.
        latency, quality, size, memory, energy: as `paredown.measure` gives them.
        guards: quality by further scores of the task, by their name.

    """

    label: str
    latency: Latency | None = None
    quality: Quality | None = None
    size: Size | None = None
    memory: Memory | None = None
    energy: Energy | None = None
    guards: Mapping[str, Quality] = dataclasses.field(default_factory=lambda: MappingProxyType({}))


def exactly(value: float) -> Interval:
    """A number that is counted, not measured."""
    return Interval(value, value, value)


def one_sided(interval: Interval) -> Interval:
    """A 90 % interval, whose ends are one-sided 95 % bounds, out of a 95 % interval.

    By the ratio of normal quantiles, which errs on the wide side for Student's t.
    """
    low = interval.estimate - (interval.estimate - interval.low) * _ONE_SIDED
    high = interval.estimate + (interval.high - interval.estimate) * _ONE_SIDED
    return Interval(interval.estimate, low, high, 0.90, interval.kind)
