"""Cost as a line over multiplications, fitted on measured files."""

import pytest

from paredown.run.results import Shape
from paredown.search.model import CostModel


def shape(macs, latency, *, quantized=False, failure=""):
    return Shape(macs, quantized, values={"latency": latency}, failure=failure)


def test_a_line_through_measured_files():
    model = CostModel(
        (shape(1.0, 1.0), shape(0.5, 0.6), shape(1.0, 0.4, quantized=True), shape(0.5, 0.25, quantized=True))
    )
    assert model.predict("latency", 0.25, quantized=False) == pytest.approx(0.4)
    assert model.share("latency", 0.6, quantized=False) == pytest.approx(0.5)
    assert model.share("latency", 0.25, quantized=True) == pytest.approx(0.5)


def test_one_file_assumes_that_a_quarter_does_not_shrink():
    model = CostModel((shape(1.0, 1.0),))
    assert model.predict("latency", 0.0, quantized=False) == pytest.approx(0.25)
    assert model.share("latency", 0.2, quantized=False) == 0.0
    assert model.share("latency", 2.0, quantized=False) == 1.0


def test_without_an_8_bit_file_the_float_ones_are_a_safe_guess():
    model = CostModel((shape(1.0, 1.0), shape(0.5, 0.6)))
    assert model.predict("latency", 0.5, quantized=True) == pytest.approx(0.6)


def test_what_was_never_measured_is_unknown():
    model = CostModel((shape(1.0, 1.0),))
    assert model.predict("size", 0.5, quantized=False) is None
    assert model.share("size", 0.5, quantized=False) is None


def test_noise_never_makes_smaller_networks_slower():
    model = CostModel((shape(1.0, 1.0), shape(0.5, 1.1), shape(0.25, 1.2)))
    assert model.predict("latency", 0.1, quantized=False) == model.predict("latency", 1.0, quantized=False)
    steep = CostModel((shape(1.0, 1.0), shape(0.5, 0.3)))
    assert steep.predict("latency", 0.0, quantized=False) == 0.0


def test_failed_shapes_count_for_nothing():
    model = CostModel((shape(1.0, 1.0), shape(0.5, 99.0, failure="LoweringError: no")))
    assert model.predict("latency", 1.0, quantized=False) == pytest.approx(1.0)


def test_each_kind_of_cut_has_a_line_of_its_own():
    shapes = (
        Shape(1.0, quantized=False, values={"latency": 1.0}),
        Shape(0.5, quantized=False, kind="width", values={"latency": 0.9}),
        Shape(0.5, quantized=False, kind="depth", values={"latency": 0.5}),
    )
    model = CostModel(shapes)
    assert model.predict("latency", 0.5, quantized=False, kind="width") == pytest.approx(0.9)
    assert model.predict("latency", 0.5, quantized=False, kind="depth") == pytest.approx(0.5)
    assert model.share("latency", 0.7, quantized=False, kind="depth") > 0.65
    assert model.share("latency", 0.7, quantized=False, kind="width") == 0.0


def test_a_kind_never_measured_takes_what_is_known():
    model = CostModel((Shape(0.5, quantized=True, kind="width", values={"latency": 0.5}),))
    assert model.predict("latency", 0.5, quantized=True, kind="depth") == pytest.approx(0.5)
