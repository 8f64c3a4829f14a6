"""A histogram that grows with what it sees, for algorithms that need more than the extremes."""

import torch

__all__ = ["Histogram"]

_BINS = 4096


class Histogram:
    """Counts of values in equal bins between the extremes seen so far.

    When a batch lies outside, the bins are stretched and the old counts move to the bin that holds their centre, so
    one pass suffices and every value is off by at most one bin for each time the range grew.
    """

    def __init__(self, bins: int = _BINS) -> None:
        self._bins = bins
        self.low = self.high = 0.0
        self.counts = torch.zeros(bins, dtype=torch.float64)

    @property
    def centres(self) -> torch.Tensor:
        """The value that each bin stands for, float64."""
        width = (self.high - self.low) / self._bins
        return self.low + width * (torch.arange(self._bins, dtype=torch.float64) + 0.5)

    def add(self, values: torch.Tensor) -> None:
        """Count a batch."""
        low, high = (float(end) for end in values.aminmax())
        if not self.counts.any():
            self.low, self.high = low, high
        elif low < self.low or high > self.high:
            centres, counts = self.centres, self.counts
            self.low, self.high = min(low, self.low), max(high, self.high)
            self.counts = torch.zeros_like(counts).index_add(0, self._place(centres), counts)
        places = self._place(values.detach().flatten().cpu())
        self.counts += torch.bincount(places, minlength=self._bins).double()

    def _place(self, values: torch.Tensor) -> torch.Tensor:
        width = (self.high - self.low) / self._bins or 1.0
        return (values - self.low).mul_(1.0 / width).int().clamp_(0, self._bins - 1)

    def quantile(self, share: float) -> float:
        """The value below which a share of the counts lies."""
        cumulative = self.counts.cumsum(0)
        place = int(torch.searchsorted(cumulative, share * float(cumulative[-1])))
        return float(self.centres[min(place, self._bins - 1)])
