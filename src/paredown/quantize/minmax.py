"""The whole range that was seen."""

import dataclasses
import math

import torch

from paredown.graph.formats import IntFormat
from paredown.quantize.range import Collector, Range

__all__ = ["MinMax"]


@dataclasses.dataclass(frozen=True)
class MinMax(Range):
    """From the smallest to the largest value seen: nothing is clipped, single outliers widen every step."""

    def collector(self, form: IntFormat, *, symmetric: bool) -> Collector:  # noqa: ARG002 (not a matter of the format)
        """Keep the smallest and the largest value."""
        return _Extremes()

    def rows(self, values: torch.Tensor, form: IntFormat, *, symmetric: bool) -> tuple[torch.Tensor, torch.Tensor]:  # noqa: ARG002
        """Smallest and largest value of each row."""
        low, high = values.aminmax(dim=1)
        return low, high


class _Extremes(Collector):
    def __init__(self) -> None:
        self._low, self._high = math.inf, -math.inf

    def add(self, values: torch.Tensor) -> None:
        low, high = values.aminmax()
        self._low, self._high = min(self._low, float(low)), max(self._high, float(high))

    def ends(self) -> tuple[float, float]:
        return self._low, self._high
