"""Errors node by node: between float network, rounded network and file, and what they come from."""

import dataclasses

import numpy as np
import pytest
import torch

from paredown.errors import LoweringError, RecipeError
from paredown.graph.fakequantize import fake_quantized
from paredown.quantize import AdaRound, Int8, Percentile, analyse
from paredown.targets import OnnxRuntime, Torch

from .conftest import evidence_of, pictures


@pytest.fixture(scope="module")
def rounded(network, evidence):
    return Int8().on(network, evidence)


def test_every_rounded_value_is_compared_and_the_error_is_that_of_the_values(network, evidence, rounded):
    before = rounded.fingerprint()
    found = analyse(rounded, evidence, original=network)
    assert rounded.fingerprint() == before
    assert [node.node for node in found.nodes] == [
        entry.value.name for entry in fake_quantized(rounded) if entry.value.op != "get_attr"
    ]
    assert found.examples == 64
    image = found.nodes[0]
    inputs = torch.cat([batch[0] for batch in evidence.calibration(64)])
    entry = fake_quantized(rounded)[0]
    scale, zero = (dict(rounded.state_dict())[name] for name in (entry.scale, entry.zero_point))
    near = (torch.clamp((inputs / scale).round() + zero, 0, 255) - zero) * scale
    expected = 10 * torch.log10(inputs.square().sum() / (inputs - near).square().sum())
    assert image.snr_db == pytest.approx(float(expected), abs=0.05)
    assert image.own_db == pytest.approx(image.snr_db)
    assert image.weight_db is None
    assert all(25 < node.snr_db <= node.own_db + 0.5 for node in found.nodes)
    assert all(0.99 < node.cosine <= 1.0 + 1e-9 for node in found.nodes)
    assert any(node.weight_db is not None and node.weight_db > 30 for node in found.nodes)
    assert found.first == found.first_in_file == ""
    assert str(found).count("\n") == len(found.nodes)


def test_without_the_original_the_rounding_is_taken_out(network, evidence, rounded):
    with_it = analyse(rounded, evidence, original=network)
    without = analyse(rounded, evidence)
    for one, other in zip(with_it.nodes, without.nodes, strict=True):
        assert one.node == other.node
        assert other.snr_db == pytest.approx(one.snr_db, abs=3)  # rounded biases are part of the network
    coarse = Int8(weight_bits=3, refine=[AdaRound(iterations=20)]).on(network, evidence)
    assert analyse(coarse, evidence).worst(1)[0].snr_db > analyse(coarse, evidence, original=network).worst(1)[0].snr_db


def test_the_file_is_read_inside_and_agrees(network, evidence, rounded, tmp_path):
    target = OnnxRuntime()
    made = target.lower(rounded, tmp_path / "rounded.onnx")
    found = analyse(rounded, evidence, original=network, inner=target.inner(made.path))
    assert all(node.file_db is not None and node.file_db > 30 for node in found.nodes)
    assert found.first_in_file == ""


def test_the_first_difference_in_another_file_is_named(network, evidence, rounded, tmp_path):
    target = OnnxRuntime()
    other = rounded.copy()
    changed = [entry for entry in fake_quantized(other) if entry.value.op == "get_attr"][1]
    with torch.no_grad():
        other.get_parameter(str(changed.value.target)).mul_(0.5)
    made = target.lower(other, tmp_path / "other.onnx")
    found = analyse(rounded, evidence, inner=target.inner(made.path))
    assert found.first_in_file
    before, after = found.nodes[:2], next(node for node in found.nodes if node.node == found.first_in_file)
    assert all(node.file_db > 30 for node in before)
    assert after.reason.startswith("the file computes something else here")


def test_reasons_name_what_is_wrong(network, evidence):
    clipped = analyse(Int8(Percentile(90.0)).on(network, evidence), evidence, original=network)
    assert "of the values lie outside of the range" in clipped.nodes[0].reason
    assert clipped.nodes[0].clipped > 0.05
    assert clipped.first == clipped.nodes[0].node
    images = pictures(64, 0)[0]
    images[3, 1, 2, 2] = 300.0
    wild = evidence_of(images)
    outliers = analyse(Int8().on(network, wild), wild, original=network)
    assert outliers.nodes[0].tail > 50
    assert outliers.nodes[0].reason.startswith("outliers: the largest value is")
    uneven = pictures(64, 0)[0] * torch.tensor([40.0, 1.0, 1.0]).view(1, 3, 1, 1)
    spread = evidence_of(uneven)
    channels = analyse(Int8().on(network, spread), spread, original=network)
    assert channels.nodes[0].spread > 16
    assert channels.nodes[0].reason.startswith("the largest channel is")
    coarse = analyse(Int8(weight_bits=2).on(network, evidence), evidence, original=network)
    assert any(node.reason.startswith("its rounded weights") for node in coarse.nodes)
    assert coarse.worst(1)[0].snr_db == min(node.snr_db for node in coarse.nodes)


def test_what_cannot_be_compared_is_refused(network, evidence, rounded, tmp_path):
    with pytest.raises(RecipeError, match=r"in which no value is rounded, .* Give it a quantized one"):
        analyse(network, evidence)
    other = rounded.copy()
    for node in other.nodes():
        if node.op == "call_function":
            node.name = f"{node.name}_other"
    with pytest.raises(
        RecipeError, match=r"without the node '.*' of the rounded one. Give the network that was rounded"
    ):
        analyse(rounded, evidence, original=other)
    with pytest.raises(LoweringError, match="there is no such file"):
        OnnxRuntime().inner(tmp_path / "missing.onnx")
    assert Torch().inner(tmp_path / "missing.pt2") is None


def test_results_are_plain_data(evidence, rounded):
    found = analyse(rounded, evidence, examples=8)
    assert found.examples == 8
    for value in dataclasses.asdict(found.nodes[0]).values():
        assert value is None or isinstance(value, str | float)
        assert not isinstance(value, np.floating)
