"""What every algorithm that chooses the range of a tensor does."""

import abc
import dataclasses

import torch

from paredown.graph.formats import IntFormat

__all__ = ["Collector", "Range", "WeightRange", "grid", "next_power_of_two"]


class Collector(abc.ABC):
    """Sees the values of one tensor batch by batch, then names the ends of the range."""

    @abc.abstractmethod
    def add(self, values: torch.Tensor) -> None:
        """Take one batch in; all values are finite."""

    @abc.abstractmethod
    def ends(self) -> tuple[float, float]:
        """Smallest and largest number to represent."""


@dataclasses.dataclass(frozen=True)
class WeightRange(abc.ABC):
    """Base of the algorithms that choose ranges of weights: frozen dataclasses whose fields are the settings."""

    @abc.abstractmethod
    def rows(self, values: torch.Tensor, form: IntFormat, *, symmetric: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Ends of the range of each row of ``values[channels, n]``, each ``[channels]``."""


@dataclasses.dataclass(frozen=True)
class Range(WeightRange):
    """Base of those that choose ranges of activations too."""

    @abc.abstractmethod
    def collector(self, form: IntFormat, *, symmetric: bool) -> Collector:
        """A fresh collector for one tensor that will be stored in `form`."""


def grid(
    low: torch.Tensor, high: torch.Tensor, form: IntFormat, *, symmetric: bool, power_of_two: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and zero point that cover ``low`` to ``high`` and hold 0 exactly (any shape, elementwise).

    Args:
        low: smallest number of each range.
        high: largest number of each range.
        form: how numbers are stored.
        symmetric: the stored 0 means 0 (signed formats only).
        power_of_two: take the next power of two for every scale.

    """
    low, high = low.double().clamp(max=0.0), high.double().clamp(min=0.0)
    smallest = torch.finfo(torch.float32).tiny
    if symmetric:
        scale = (torch.maximum(-low, high) / form.quant_max).clamp(min=smallest)
        scale = next_power_of_two(scale) if power_of_two else scale
        return scale.float(), torch.zeros_like(scale).float()
    scale = ((high - low) / (form.quant_max - form.quant_min)).clamp(min=smallest)
    scale = next_power_of_two(scale) if power_of_two else scale
    zero_point = (form.quant_min - low / scale).round().clamp(form.quant_min, form.quant_max)
    return scale.float(), zero_point.float()


def next_power_of_two(scale: torch.Tensor) -> torch.Tensor:
    """The smallest powers of two that are no smaller (positive numbers, elementwise, exact)."""
    mantissa, exponent = torch.frexp(scale)  # scale = mantissa * 2 ** exponent, 0.5 <= mantissa < 1
    return torch.ldexp(torch.ones_like(scale), exponent - (mantissa == 0.5).to(exponent.dtype))
