import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paredown.measure.interval import Interval
from paredown.report import numbers


@pytest.mark.parametrize(
    ("estimate", "low", "high", "unit", "text"),
    [
        (0.40612, 0.398, 0.414, "ms", "0.406 ms [0.398, 0.414]"),
        (97.9123, 96.83, 99.01, "%", "97.9 % [96.8, 99.0]"),
        (1234.5, 1200, 1269, "ms", "1 234 ms [1 200, 1 269]"),
        (0.5, 0.5, 0.5, "pt", "0.500 pt"),
        (187_412, 187_412, 187_412, "bytes", "187 kB"),
        (math.nan, 0, 1, "ms", "–"),
        (0.3, -math.inf, math.inf, "ms", "0.300 ms [−∞, ∞]"),
    ],
)
def test_interval_keeps_the_digits_its_width_supports(estimate, low, high, unit, text):
    assert numbers.interval(Interval(estimate, low, high), unit).full.replace("\u202f", " ") == text


def test_a_missing_interval_is_a_dash():
    assert numbers.interval(None, "ms").full == "–"
    assert numbers.inverse(None).full == "–"
    assert numbers.quantity(None, "bytes").full == "–"


def test_inverse_swaps_the_bounds():
    assert numbers.inverse(Interval(0.4, 0.38, 0.42)).full == "2.50× [2.38, 2.63]"
    assert numbers.inverse(Interval(0.5, 0.0, 1.0)).full == "2.00× [1.00, ∞]"


def test_plus_and_minus():
    shown = numbers.interval(Interval(-0.42, -1.03, 0.19), "pt", plus=True)
    assert (shown.value, shown.bounds) == ("−0.4", "[−1.0, +0.2]")
    assert numbers.signed(0.0001, 1) == "0.0"
    assert numbers.fixed(-0.0001, 1) == "0.0"


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e6))
def test_rounding_never_hides_the_width(estimate, half):
    decimals = numbers.decimals_for(estimate - half, estimate + half, estimate)
    assert 10.0**-decimals <= max(2 * half, 1.0) + 1e-6
