"""Clip the outermost values."""

import dataclasses

import torch

from paredown.graph.formats import IntFormat
from paredown.quantize.counted import Counted
from paredown.quantize.histogram import Histogram
from paredown.recipe.settings import require

__all__ = ["Percentile"]


@dataclasses.dataclass(frozen=True)
class Percentile(Counted):
    """Keep so many per cent of the values; each tail may lose the rest (Wu et al., 2020, arXiv:2004.09602).

    Attributes:
        percent: above 50, at most 100.

    """

    percent: float = 99.99

    def __post_init__(self) -> None:
        require(lambda percent: 50.0 < percent <= 100.0, self, "percent", "above 50 and up to 100")

    def search(self, seen: Histogram, form: IntFormat, *, symmetric: bool) -> tuple[float, float]:  # noqa: ARG002 (not a matter of the format)
        """Quantiles of what was counted."""
        share = self.percent / 100.0
        if share == 1.0:
            return seen.low, seen.high
        low = 0.0 if seen.low >= 0.0 else seen.quantile(1.0 - share)
        high = 0.0 if seen.high <= 0.0 else seen.quantile(share)
        return low, high

    def rows(self, values: torch.Tensor, form: IntFormat, *, symmetric: bool) -> tuple[torch.Tensor, torch.Tensor]:  # noqa: ARG002
        """Quantiles of each row, exactly."""
        share = self.percent / 100.0
        ordered = values.sort(dim=1).values
        last = values.shape[1] - 1
        return ordered[:, round((1.0 - share) * last)], ordered[:, round(share * last)]
