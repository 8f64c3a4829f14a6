"""Steps that fit most of the weights and let outliers be wrong."""

import dataclasses

import torch

from paredown.graph.formats import IntFormat
from paredown.quantize.range import WeightRange, grid
from paredown.recipe.settings import require, whole

__all__ = ["HQQ"]


@dataclasses.dataclass(frozen=True)
class HQQ(WeightRange):
    """Half-quadratic quantization: the least ``sum |W - W_r|^p`` with p below 1, without data.

    With ``W_r = s (q - z)``, ``q = clip(round(W / s) + z)``, two steps in turn: what rounding is allowed to get wrong,
    ``W_e = s sign(R) max(|R| - |R|^(p - 1) / beta, 0)`` of ``R = (W - W_r) / s``; then step and zero point that fit the rest by
    least squares, ``s = <n, W - W_e> / <n, n>`` with ``n = q - z``, and ``z = mean(q - (W - W_e) / s)``; beta grows by 1 %
    a turn. The source moves a real zero point alone; kernels store whole ones, so the step is fitted too. Each row
    keeps the best it has seen, starting from its whole range.

    Badri, Shaji: "Half-quadratic quantization of large machine learning models", Mobius Labs, 2023
    (https://mobiusml.github.io/hqq_blog/), equations 3 to 6.

    Attributes:
        exponent: p, above 0 and up to 1.
        iterations: at most.

    Raises:
        RecipeError: an exponent outside of that, or fewer than one iteration.

    """

    exponent: float = 0.7
    iterations: int = 20

    def __post_init__(self) -> None:
        require(lambda exponent: 0.0 < exponent <= 1.0, self, "exponent", "above 0 and up to 1")
        whole(self, "iterations")

    def rows(self, values: torch.Tensor, form: IntFormat, *, symmetric: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Fit each row on its own values."""
        values = values.double()
        step, zero = (number.double()[:, None] for number in grid(*values.aminmax(dim=1), form, symmetric=symmetric))
        best_step, best_zero, beta = step, zero, _BETA
        best = torch.full_like(step, torch.inf)
        for _ in range(self.iterations):
            stored = ((values / step).round() + zero).clamp(form.quant_min, form.quant_max)
            lost = values - (stored - zero) * step
            error = lost.abs().pow(self.exponent).sum(1, keepdim=True)
            better = error < best
            if not better.any():
                break
            best = torch.where(better, error, best)
            best_step, best_zero = torch.where(better, step, best_step), torch.where(better, zero, best_zero)
            fitted = values - _shrink(lost / step, self.exponent, beta) * step
            whole = stored - zero
            square = whole.square().sum(1, keepdim=True)
            found = (whole * fitted).sum(1, keepdim=True) / square
            step = torch.where((square > 0) & (found > 0), found, step)
            if not symmetric:
                zero = (stored - fitted / step).mean(1, keepdim=True).round().clamp(form.quant_min, form.quant_max)
            beta *= _GROWTH
        low = -form.quant_max * best_step if symmetric else (form.quant_min - best_zero) * best_step
        return low[:, 0], ((form.quant_max - best_zero) * best_step)[:, 0]


_BETA, _GROWTH = 10.0, 1.01


def _shrink(lost: torch.Tensor, exponent: float, beta: float) -> torch.Tensor:
    size = lost.abs()
    return lost.sign() * (size - size.clamp_min(1e-12) ** (exponent - 1.0) / beta).clamp_min(0.0)
