"""Smoothed extremes of batches."""

import dataclasses

import torch

from paredown.graph.formats import IntFormat
from paredown.quantize.range import Collector, Range
from paredown.recipe.settings import part

__all__ = ["MovingAverage"]


@dataclasses.dataclass(frozen=True)
class MovingAverage(Range):
    """Exponential moving average of each batch's extremes (Jacob et al., CVPR 2018, section 3.1).

    Attributes:
        momentum: weight of the newest batch, in (0, 1]. The result depends on the batch size of the calibration data.

    """

    momentum: float = 0.1

    def __post_init__(self) -> None:
        part(self, "momentum", what="the weight of the newest batch, above 0 and up to 1")

    def collector(self, form: IntFormat, *, symmetric: bool) -> Collector:  # noqa: ARG002 (not a matter of the format)
        """Average the extremes of batches."""
        return _Smoothed(self.momentum)

    def rows(self, values: torch.Tensor, form: IntFormat, *, symmetric: bool) -> tuple[torch.Tensor, torch.Tensor]:  # noqa: ARG002
        """A weight is one batch: its smallest and largest value."""
        low, high = values.aminmax(dim=1)
        return low, high


class _Smoothed(Collector):
    def __init__(self, momentum: float) -> None:
        self._momentum = momentum
        self._ends: tuple[float, float] | None = None

    def add(self, values: torch.Tensor) -> None:
        low, high = (float(end) for end in values.aminmax())
        if self._ends is not None:
            low = self._ends[0] + self._momentum * (low - self._ends[0])
            high = self._ends[1] + self._momentum * (high - self._ends[1])
        self._ends = (low, high)

    def ends(self) -> tuple[float, float]:
        return self._ends or (0.0, 0.0)
