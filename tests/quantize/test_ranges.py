import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from paredown.codec import decode, encode
from paredown.errors import RecipeError
from paredown.graph.formats import INT8, UINT8, IntFormat
from paredown.quantize import MinMax, MovingAverage, Mse, Percentile
from paredown.quantize.histogram import Histogram
from paredown.quantize.range import grid

INT4 = IntFormat(4, signed=True)


def ends(algorithm, batches, form=UINT8, *, symmetric=False):
    collector = algorithm.collector(form, symmetric=symmetric)
    for batch in batches:
        collector.add(batch)
    return collector.ends()


def error(values, low, high, form, *, symmetric=False):
    scale, zero = grid(torch.as_tensor(low), torch.as_tensor(high), form, symmetric=symmetric)
    stored = ((values / scale).round() + zero).clamp(form.quant_min, form.quant_max)
    return ((stored - zero) * scale - values).square().mean().item()


@settings(max_examples=50, deadline=None)
@given(low=st.floats(-1e3, 1e3), high=st.floats(-1e3, 1e3), symmetric=st.booleans())
def test_a_grid_covers_its_range_and_holds_zero(low, high, symmetric):
    low, high = min(low, high), max(low, high)
    form = INT8 if symmetric else UINT8
    scale, zero = grid(torch.tensor(low), torch.tensor(high), form, symmetric=symmetric)
    assert scale > 0
    assert zero == zero.round()
    assert form.quant_min <= zero <= form.quant_max
    reach = scale.item() * 0.51 + 1e-6 * max(abs(low), abs(high))
    assert (form.quant_min - zero) * scale <= min(low, 0.0) + reach
    assert (form.quant_max - zero) * scale >= max(high, 0.0) - reach


def test_min_max_is_over_all_batches():
    assert ends(MinMax(), [torch.tensor([1.0, 2.0]), torch.tensor([-3.0, 0.5])]) == (-3.0, 2.0)


def test_a_moving_average_follows_the_batches():
    low, high = ends(MovingAverage(0.5), [torch.tensor([-1.0, 1.0]), torch.tensor([-3.0, 2.0])])
    assert (low, high) == (-2.0, 1.5)


def test_a_percentile_leaves_single_outliers_out():
    torch.manual_seed(0)
    values = torch.randn(100_000)
    low, high = ends(Percentile(99.0), [*values.split(10_000), torch.tensor([50.0, -40.0])])
    assert low == pytest.approx(values.quantile(0.01).item(), abs=0.05)
    assert high == pytest.approx(values.quantile(0.99).item(), abs=0.05)
    assert ends(Percentile(100.0), [values]) == (values.min().item(), values.max().item())


def test_a_percentile_keeps_zero_as_the_end_of_what_a_relu_gives():
    low, high = ends(Percentile(99.0), [torch.randn(10_000).relu()])
    assert low == 0.0
    assert 2.0 < high < 3.0


@pytest.mark.parametrize("values", [torch.randn(20_000), torch.randn(20_000).relu()], ids=["both sides", "one side"])
@pytest.mark.parametrize("form", [IntFormat(4, signed=False), UINT8], ids=["4 bits", "8 bits"])
def test_mse_is_no_worse_than_the_extremes_and_any_other_clip(values, form):
    low, high = ends(Mse(), values.split(5_000), form)
    found = error(values, low, high, form)
    for share in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5):
        assert found <= error(values, values.min() * share, values.max() * share, form) * 1.02


def test_mse_clips_more_the_fewer_the_bits():
    values = torch.randn(20_000)
    widths = [ends(Mse(), [values], IntFormat(bits, signed=False)) for bits in (2, 4, 8)]
    assert widths[0][1] < widths[1][1] < widths[2][1] <= values.max()


@pytest.mark.parametrize("algorithm", [MinMax(), MovingAverage(), Percentile(99.9), Mse()])
def test_each_row_of_a_weight_has_its_own_range(algorithm):
    torch.manual_seed(0)
    rows = torch.randn(3, 500) * torch.tensor([[1.0], [10.0], [0.01]])
    low, high = algorithm.rows(rows, INT8, symmetric=True)
    assert low.shape == high.shape == (3,)
    width = (high - low) / torch.tensor([1.0, 10.0, 0.01])
    assert width.min() > 0.5 * width.max()


def test_mse_of_rows_beats_their_extremes():
    torch.manual_seed(0)
    rows = torch.randn(4, 2000)
    rows[:, 0] = 12.0
    low, high = Mse().rows(rows, INT4, symmetric=True)
    for row, one, two in zip(rows, low, high, strict=True):
        assert error(row, one, two, INT4, symmetric=True) < 0.8 * error(row, row.min(), row.max(), INT4, symmetric=True)


def test_a_histogram_grows_without_losing_a_count():
    torch.manual_seed(0)
    values = torch.randn(30_000)
    seen = Histogram()
    for scale in (0.01, 1.0, 3.0):
        seen.add(values * scale)
    assert seen.counts.sum() == 90_000
    everything = torch.cat([values * scale for scale in (0.01, 1.0, 3.0)])
    for share in (0.05, 0.5, 0.95):
        assert seen.quantile(share) == pytest.approx(everything.quantile(share).item(), abs=0.02)


@pytest.mark.parametrize("algorithm", [MinMax(), MovingAverage(0.2), Percentile(99.9), Mse(2.4)])
def test_algorithms_are_settings_that_can_be_stored(algorithm):
    assert decode(encode(algorithm)) == algorithm


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Percentile(10),
            r"Percentile\(10\) was given; it lies above 50 and up to 100. Type Percentile\(99.99\)",
        ),
        (lambda: MovingAverage(0.0), r"MovingAverage\(0.0\) was given; .* lies in \(0, 1\]. Type MovingAverage\(0.1\)"),
        (lambda: Mse(-1), r"Mse\(exponent=-1\) was given; it lies above 0 and up to 8. Type Mse\(\)"),
    ],
)
def test_impossible_settings_are_refused(make, message):
    with pytest.raises(RecipeError, match=message):
        make()
