import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from paredown.codec import decode, encode
from paredown.errors import RecipeError
from paredown.graph.formats import INT8, UINT8, IntFormat
from paredown.quantize import Entropy, MinMax, MovingAverage, Mse, Percentile
from paredown.quantize.histogram import Histogram
from paredown.quantize.range import grid, next_power_of_two

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


def divergence(counts, centres, clip, range_, form, *, symmetric=False):
    """KL(P || Q) of one threshold, bin by bin."""
    low, high = range_
    inside = [i for i, centre in enumerate(centres) if abs(centre) <= clip]
    p = {i: counts[i] for i in inside}
    p[inside[0]] += sum(counts[: inside[0]])
    p[inside[-1]] += sum(counts[inside[-1] + 1 :])
    scale, zero = (
        float(n) for n in grid(torch.tensor(max(low, -clip)), torch.tensor(min(high, clip)), form, symmetric=symmetric)
    )
    steps = {}
    for i in inside:
        stored = min(max(round(centres[i] / scale) + zero, form.quant_min), form.quant_max)
        steps.setdefault(stored, []).append(i)
    q = {}
    for members in steps.values():
        used = [i for i in members if p[i] > 0]
        for i in used:
            q[i] = sum(counts[i] for i in members) / len(used)
    total_p, total_q = sum(p.values()), sum(q.values())
    return sum(p[i] / total_p * math.log(p[i] / total_p / (q[i] / total_q)) for i in inside if p[i] > 0 and q.get(i))


@pytest.mark.parametrize("symmetric", [False, True])
def test_entropy_clips_where_the_divergence_is_least(symmetric):
    form = INT4 if symmetric else IntFormat(4, signed=False)
    values = torch.cat([torch.randn(20_000, generator=torch.Generator().manual_seed(0)), torch.tensor([7.0, -8.0])])
    low, high = ends(Entropy(), values.split(5_000), form, symmetric=symmetric)
    seen = Histogram()
    for part in values.split(5_000):
        seen.add(part)
    counts, centres = seen.counts.tolist(), seen.centres.tolist()
    zero = min(range(len(centres)), key=lambda i: abs(centres[i]))
    counts[zero] = min(counts[zero], counts[zero - 1] + counts[zero + 1])
    found = {
        clip: divergence(counts, centres, 8.0 * clip, (-8.0, 7.0), form, symmetric=symmetric)
        for clip in torch.linspace(1.0, 1 / 16, 121).tolist()[::10]
    }
    assert high == -low < 4.0
    assert divergence(counts, centres, high, (-8.0, 7.0), form, symmetric=symmetric) <= min(found.values()) + 1e-6


def test_entropy_keeps_what_is_spread_evenly_and_drops_outliers():
    values = torch.rand(50_000, generator=torch.Generator().manual_seed(0))
    low, high = ends(Entropy(), [values], UINT8)
    assert low == pytest.approx(0.0, abs=1e-4)
    assert high > 0.95
    low, high = ends(Entropy(), [values, torch.tensor([100.0])], UINT8)
    assert high < 10.0


def test_zeros_of_a_relu_do_not_decide_the_entropy():
    values = torch.randn(50_000, generator=torch.Generator().manual_seed(0)).relu()
    with_zeros, without = (ends(Entropy(), [part], UINT8)[1] for part in (values, values[values > 0]))
    assert with_zeros == pytest.approx(without, rel=0.1)
    assert with_zeros > 2.0


@settings(max_examples=60, deadline=None)
@given(scale=st.floats(2.0**-100, 2.0**100, width=32))
def test_the_next_power_of_two_is_the_smallest_that_is_no_smaller(scale):
    found = next_power_of_two(torch.tensor(scale)).item()
    assert math.frexp(found)[0] == 0.5
    assert found / 2 < scale <= found


@pytest.mark.parametrize("form", [INT8, UINT8])
def test_a_grid_of_powers_of_two_covers_its_range(form):
    low, high = torch.tensor([-3.0, 0.0, -0.1]), torch.tensor([5.0, 1.9, 0.3])
    scale, zero = grid(low, high, form, symmetric=form.signed, power_of_two=True)
    assert torch.equal(scale.log2(), scale.log2().round())
    assert ((form.quant_min - zero) * scale <= low + scale / 2).all()
    assert ((form.quant_max - zero) * scale >= high - scale / 2).all()


@pytest.mark.parametrize("algorithm", [MinMax(), MovingAverage(), Percentile(99.9), Mse(), Entropy()])
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


@pytest.mark.parametrize("algorithm", [MinMax(), MovingAverage(0.2), Percentile(99.9), Mse(2.4), Entropy()])
def test_algorithms_are_settings_that_can_be_stored(algorithm):
    assert decode(encode(algorithm)) == algorithm


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Percentile(10),
            r"Percentile\(percent=10\) was given. It is above 50 and up to 100. Write `quantize.Percentile\(percent=99.99\)",
        ),
        (
            lambda: MovingAverage(0.0),
            r"MovingAverage\(momentum=0.0\) was given. .* above 0 and up to 1. Write `quantize.MovingAverage\(momentum=0.1\)",
        ),
        (
            lambda: Mse(-1),
            r"Mse\(exponent=-1\) was given. It is above 0 and up to 8; 2 are squares. Write `quantize.Mse",
        ),
    ],
)
def test_impossible_settings_are_refused(make, message):
    with pytest.raises(RecipeError, match=message):
        make()
