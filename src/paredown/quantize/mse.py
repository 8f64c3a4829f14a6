"""The range with the smallest rounding and clipping error together."""

import dataclasses

import torch

from paredown.graph.formats import IntFormat
from paredown.quantize.counted import Counted
from paredown.quantize.histogram import Histogram
from paredown.quantize.range import grid
from paredown.recipe.settings import require

__all__ = ["Mse"]

_SHRINKS = torch.cat([torch.linspace(1.0, 0.3, 71), torch.linspace(0.28, 0.02, 14)])
_ROUNDS = 2


@dataclasses.dataclass(frozen=True)
class Mse(Counted):
    """Shrink the range until the mean error of the rounded values is least (Choukroun et al., ICCVW 2019).

    Attributes:
        exponent: of the error's absolute value; 2 is the squared error, larger punishes clipping harder.

    """

    exponent: float = 2.0

    def __post_init__(self) -> None:
        require(lambda exponent: 0.0 < exponent <= 8.0, self, "exponent", "above 0 and up to 8; 2 are squares")

    def search(self, seen: Histogram, form: IntFormat, *, symmetric: bool) -> tuple[float, float]:
        """Search on what was counted."""
        used = seen.counts > 0
        low, high = _search(
            seen.centres[used][None],
            seen.counts[used][None],
            torch.tensor([seen.low], dtype=torch.float64),
            torch.tensor([seen.high], dtype=torch.float64),
            form,
            self.exponent,
            symmetric=symmetric,
        )
        return float(low), float(high)

    def rows(self, values: torch.Tensor, form: IntFormat, *, symmetric: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Search for each row on its own values."""
        low, high = (end.double() for end in values.aminmax(dim=1))
        return _search(values.double(), None, low, high, form, self.exponent, symmetric=symmetric)


def _search(  # noqa: PLR0913, PLR0917 (one search over rows, with or without weights)
    values: torch.Tensor,
    weights: torch.Tensor | None,
    low: torch.Tensor,
    high: torch.Tensor,
    form: IntFormat,
    exponent: float,
    *,
    symmetric: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ends per row with the least error: both shrunk together, then each end by itself in turns."""
    shrunk_low, shrunk_high = torch.ones_like(low), torch.ones_like(high)

    def error(lows: torch.Tensor, highs: torch.Tensor) -> torch.Tensor:
        scale, zero_point = grid(low * lows, high * highs, form, symmetric=symmetric)
        step, zero = scale.double()[:, None], zero_point.double()[:, None]
        stored = ((values / step).round() + zero).clamp(form.quant_min, form.quant_max)
        lost = ((stored - zero) * step - values).abs() ** exponent
        return lost.mean(1) if weights is None else (lost * weights).sum(1) / weights.sum(1)

    best = error(shrunk_low, shrunk_high)
    turns = ["both"] if symmetric else ["both", *["low", "high"] * _ROUNDS]
    for turn in turns:
        start_low, start_high = shrunk_low.clone(), shrunk_high.clone()
        for shrink in _SHRINKS.tolist():
            lows = torch.full_like(low, shrink) if turn != "high" else start_low
            highs = torch.full_like(high, shrink) if turn != "low" else start_high
            found = error(lows, highs)
            better = found < best
            best = torch.where(better, found, best)
            shrunk_low = torch.where(better, lows, shrunk_low)
            shrunk_high = torch.where(better, highs, shrunk_high)
    return low * shrunk_low, high * shrunk_high
