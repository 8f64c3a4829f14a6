"""Clip the outermost values."""

import dataclasses

import torch

from paredown.errors import RecipeError
from paredown.graph.formats import IntFormat
from paredown.quantize.histogram import Histogram
from paredown.quantize.range import Collector, Range

__all__ = ["Percentile"]


@dataclasses.dataclass(frozen=True)
class Percentile(Range):
    """Keep so many per cent of the values; each tail may lose the rest (Wu et al., 2020, arXiv:2004.09602).

    Attributes:
        percent: above 50, at most 100.

    """

    percent: float = 99.99

    def __post_init__(self) -> None:
        if not 50.0 < self.percent <= 100.0:
            msg = f"Percentile({self.percent}) was given; it lies above 50 and up to 100. Type Percentile(99.99)."
            raise RecipeError(msg)

    def collector(self, form: IntFormat, *, symmetric: bool) -> Collector:  # noqa: ARG002 (not a matter of the format)
        """Count values in a histogram."""
        return _Tails(self.percent / 100.0)

    def rows(self, values: torch.Tensor, form: IntFormat, *, symmetric: bool) -> tuple[torch.Tensor, torch.Tensor]:  # noqa: ARG002
        """Quantiles of each row, exactly."""
        share = self.percent / 100.0
        ordered = values.sort(dim=1).values
        last = values.shape[1] - 1
        return ordered[:, round((1.0 - share) * last)], ordered[:, round(share * last)]


class _Tails(Collector):
    def __init__(self, share: float) -> None:
        self._share = share
        self._histogram = Histogram()

    def add(self, values: torch.Tensor) -> None:
        self._histogram.add(values)

    def ends(self) -> tuple[float, float]:
        seen = self._histogram
        low = 0.0 if seen.low >= 0.0 else seen.quantile(1.0 - self._share)
        high = 0.0 if seen.high <= 0.0 else seen.quantile(self._share)
        return (seen.low, seen.high) if self._share == 1.0 else (low, high)
