"""What algorithms do that choose a range by how often values occur."""

import abc
import dataclasses

import torch

from paredown.graph.formats import IntFormat
from paredown.quantize.histogram import Histogram
from paredown.quantize.range import Collector, Range

__all__ = ["Counted"]


@dataclasses.dataclass(frozen=True)
class Counted(Range):
    """Base of the ranges that are searched on a histogram, so that several can be searched on the same one."""

    @abc.abstractmethod
    def search(self, seen: Histogram, form: IntFormat, *, symmetric: bool) -> tuple[float, float]:
        """Smallest and largest number to represent."""

    def collector(self, form: IntFormat, *, symmetric: bool) -> Collector:
        """Count values in a histogram and search on it."""
        return _Counting(self, form, symmetric=symmetric)


class _Counting(Collector):
    def __init__(self, algorithm: Counted, form: IntFormat, *, symmetric: bool) -> None:
        self._algorithm, self._form, self._symmetric = algorithm, form, symmetric
        self._histogram = Histogram()

    def add(self, values: torch.Tensor) -> None:
        self._histogram.add(values)

    def ends(self) -> tuple[float, float]:
        return self._algorithm.search(self._histogram, self._form, symmetric=self._symmetric)
