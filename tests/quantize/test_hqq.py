import pytest
import torch

from paredown.errors import RecipeError
from paredown.graph.formats import INT4, UINT4
from paredown.quantize import HQQ, MinMax
from paredown.quantize.range import grid


def lost(ranges, values, form, exponent):
    """Sum of the powers of the errors, row by row."""
    scale, zero = grid(*ranges.rows(values, form, symmetric=form.signed), form, symmetric=form.signed)
    step, zero = scale[:, None].double(), zero[:, None].double()
    stored = ((values / step).round() + zero).clamp(form.quant_min, form.quant_max)
    return ((stored - zero) * step - values).abs().pow(exponent).sum(1)


@pytest.mark.parametrize("form", [UINT4, INT4], ids=["asymmetric", "symmetric"])
def test_no_row_gets_worse_and_most_get_better(form):
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(200, 32, generator=generator).double()
    values[:, 0] *= 4.0
    before, after = (lost(ranges, values, form, 0.7) for ranges in (MinMax(), HQQ()))
    assert (after <= before * (1 + 1e-5)).all()
    assert after.mean() < 0.97 * before.mean()
    assert (after < before).double().mean() > 0.5


def test_a_step_that_fits_most_is_found():
    steps = torch.randint(0, 14, (64, 32), generator=torch.Generator().manual_seed(0)).double() - 7.0
    steps[:, :2] = torch.tensor([-7.0, 6.0])
    values = steps * 0.11
    values[:, 0] -= 0.5 * 0.11  # half a step too far
    before, after = (lost(ranges, values, UINT4, 0.7).mean() for ranges in (MinMax(), HQQ()))
    assert after < 0.8 * before


def test_rows_of_zeros_have_a_grid():
    low, high = HQQ().rows(torch.zeros(2, 8), UINT4, symmetric=False)
    scale, _ = grid(low, high, UINT4, symmetric=False)
    assert scale.isfinite().all()
    assert (scale > 0).all()


def test_settings():
    with pytest.raises(
        RecipeError, match=r"HQQ\(exponent=1.5\) was given. It is above 0 and up to 1. Write `quantize.HQQ\(exp"
    ):
        HQQ(exponent=1.5)
    with pytest.raises(
        RecipeError, match=r"HQQ\(iterations=0\) was given. It is a whole number, 1 or more. Write `quantize.HQQ"
    ):
        HQQ(iterations=0)
