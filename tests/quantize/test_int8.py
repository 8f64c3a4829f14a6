import re

import pytest
import torch
from torch import nn

import paredown
from paredown import prune, quantize
from paredown.codec import decode, encode
from paredown.errors import RecipeError
from paredown.graph.fakequantize import fake_quantized
from paredown.graph.formats import INT8
from paredown.recipe import AdamW, Evidence
from paredown.targets import OnnxRuntime, Torch

from .conftest import Residual, capture, evidence_of, pictures


def decibel(signal, other):
    return 10 * torch.log10(signal.square().sum() / (signal - other).square().sum()).item()


def test_the_plan_touches_nothing_and_says_why(network):
    before = network.fingerprint()
    whole = evidence_of(pictures(64, 0)[0], OnnxRuntime().capabilities.with_int8(weight_bits=8))
    plan = quantize.Int8().plan(network, whole)
    assert network.fingerprint() == before
    assert plan.reason == (
        "ONNX Runtime computes 4 of the layers faster in 8 bits; 7 activations are rounded, 3 batch norms were folded, "
        "0 operators stay in float."
    )
    assert {entry["parameter"] for entry in plan.decisions["weights"]} == {
        "stem.weight",
        "one.weight",
        "two.weight",
        "head.weight",
    }
    assert plan.tensors["stem.weight.scale"].shape == (8,)


def test_the_quantized_network_stays_close_and_shares_nothing(network, evidence):
    before = network.fingerprint()
    quantized = quantize.Int8().on(network, evidence)
    x, _ = pictures(50, 5)
    assert decibel(network(x), quantized(x)) > 30
    quantized.get_parameter("stem.weight").data.zero_()
    assert network.fingerprint() == before


def test_a_plan_replays_without_data(network, evidence):
    step = quantize.Int8()
    plan = step.plan(network, evidence)
    assert step.plan(network, evidence).fingerprint() == plan.fingerprint()
    again = decode(encode(step)).apply(network, plan)
    assert again.fingerprint() == step.apply(network, plan).fingerprint()


def test_the_file_runs_in_fused_kernels_from_end_to_end(network, evidence, tmp_path):
    quantized = quantize.Int8().on(network, evidence)
    artifact = OnnxRuntime().lower(quantized, tmp_path / "network.onnx")
    operators = artifact.lowering.operators
    assert operators["QLinearAdd"] == 2
    assert operators["QGemm"] == 1
    assert operators["QLinearConv"] >= 3
    assert operators["QuantizeLinear"] == 1
    assert not operators.keys() & {"Conv", "FusedConv", "Gemm", "Add", "Relu", "DequantizeLinear"}
    assert artifact.lowering.unfused == ()
    original = OnnxRuntime().lower(network, tmp_path / "original.onnx")
    assert artifact.size_bytes < original.size_bytes
    x, _ = pictures(64, 7)
    with OnnxRuntime().open(artifact.path) as session:
        got = torch.from_numpy(session.run([x.numpy()])[0])
    assert decibel(quantized(x).detach(), got) > 30


@pytest.mark.parametrize(
    "step",
    [
        quantize.Int8(quantize.MovingAverage()),
        quantize.Int8(quantize.Percentile(99.9)),
        quantize.Int8(quantize.Mse(), weights=quantize.Mse()),
        quantize.Int8(quantize.Entropy()),
        quantize.Int8(power_of_two=True),
    ],
    ids=["moving average", "percentile", "mse", "entropy", "powers of two"],
)
def test_every_range_algorithm_gives_a_network_that_agrees(network, evidence, step):
    x, _ = pictures(50, 5)
    assert decibel(network(x), step.on(network, evidence)(x)) > 20


def test_calibration_is_one_pass_over_the_data(network, evidence, monkeypatch):
    passes = []
    calibration = Evidence.calibration
    monkeypatch.setattr(Evidence, "calibration", lambda self, *a, **k: passes.append(1) or calibration(self, *a, **k))
    quantize.Int8(quantize.Mse()).plan(network, evidence)
    assert len(passes) == 1


def test_symmetric_signed_activations_where_the_target_asks_for_them(network):
    signed = OnnxRuntime().capabilities.with_int8(activation=INT8, symmetric=True, weight_bits=8)
    quantized = quantize.Int8().on(network, evidence_of(pictures(64, 0)[0], signed))
    assert all((entry.quant_min, entry.quant_max) == (-128, 127) for entry in fake_quantized(quantized))
    assert all(not quantized.get_buffer(entry.zero_point).any() for entry in fake_quantized(quantized))
    x, _ = pictures(50, 5)
    assert decibel(network(x), quantized(x)) > 25


def test_weights_take_seven_bits_where_sums_would_overflow(network, tmp_path):
    room = OnnxRuntime().capabilities.with_int8(weight_bits=7, sum_bits=7)
    narrow = evidence_of(pictures(64, 0)[0], room)
    plan = quantize.Int8().plan(network, narrow)
    assert plan.reason.endswith("Weights take 7 of their 8 bits: sums would overflow in its kernels on this processor.")
    quantized = quantize.Int8().apply(network, plan)
    assert {(e.quant_min, e.quant_max) for e in fake_quantized(quantized) if e.value.op == "get_attr"} == {(-64, 63)}
    OnnxRuntime().lower(quantized, tmp_path / "seven.onnx")  # agrees with the network
    assert quantize.Int8(weight_bits=4).plan(network, narrow).reason.endswith("Weights take 4 of their 8 bits.")


def test_a_target_for_other_processors_asks_for_seven_bits(network, monkeypatch, tmp_path):
    monkeypatch.setattr("paredown.targets.saturation.weight_bits", lambda: 8)
    target = OnnxRuntime(weight_bits=7)
    plan = quantize.Int8().plan(network, evidence_of(pictures(64, 0)[0], target.capabilities))
    assert plan.reason.endswith("Weights take 7 of their 8 bits: the target asks for no more.")
    assert target.lower(quantize.Int8().apply(network, plan), tmp_path / "seven.onnx").lowering.weight_bits == 7


def test_seven_bits_can_be_asked_for_on_a_processor_that_needs_none(network, tmp_path):
    whole = evidence_of(pictures(64, 0)[0], OnnxRuntime().capabilities.with_int8(weight_bits=8))
    plan = quantize.Int8(weight_bits=7).plan(network, whole)
    assert plan.reason.endswith("Weights take 7 of their 8 bits.")
    artifact = OnnxRuntime().lower(quantize.Int8().apply(network, plan), tmp_path / "seven.onnx")
    assert artifact.lowering.weight_bits == 7


@pytest.mark.parametrize("weights", [quantize.MinMax(), quantize.Percentile(85.0)])
def test_weights_of_four_bits_are_stored_in_eight(network, evidence, weights, tmp_path):
    step = quantize.Int8(weights=weights, weight_bits=4)
    plan = step.plan(network, evidence)
    assert plan.reason.endswith("0 operators stay in float. Weights take 4 of their 8 bits.")
    quantized = step.apply(network, plan)
    ends = {(e.quant_min, e.quant_max) for e in fake_quantized(quantized) if e.value.op == "get_attr"}
    assert ends == {(-8, 7)}
    x, _ = pictures(50, 5)
    assert 10 < decibel(network(x), quantized(x)) < decibel(network(x), quantize.Int8().on(network, evidence)(x)) - 10
    artifact = OnnxRuntime().lower(quantized, tmp_path / "network.onnx")
    assert artifact.lowering.unfused == ()
    with OnnxRuntime().open(artifact.path) as session:
        got = torch.from_numpy(session.run([x.numpy()])[0])
    assert decibel(quantized(x).detach(), got) > 30


def test_scales_are_powers_of_two_on_request(network, evidence):
    quantized = quantize.Int8(power_of_two=True).on(network, evidence)
    for entry in fake_quantized(quantized):
        power = quantized.get_parameter(entry.scale).log2()
        assert torch.equal(power, power.round()), entry.scale


def test_what_is_skipped_stays_in_float(network, evidence, tmp_path):
    plan = quantize.Int8(skip=("stem", "head")).plan(network, evidence)
    assert {entry["parameter"] for entry in plan.decisions["weights"]} == {"one.weight", "two.weight"}
    assert plan.decisions["float"] == {
        "conv2d": "it was asked to be left in float",
        "linear": "it was asked to be left in float",
    }
    quantized = quantize.Int8(skip=("stem", "head")).apply(network, plan)
    artifact = OnnxRuntime().lower(quantized, tmp_path / "network.onnx")
    assert artifact.lowering.operators["Gemm"] == 1
    assert artifact.lowering.operators["QLinearAdd"] == 2
    assert artifact.lowering.operators["QLinearGlobalAveragePool"] == 1
    assert artifact.lowering.operators["QuantizeLinear"] == 1  # behind the first convolution, for all who read it
    assert artifact.lowering.unfused == ()


@pytest.mark.parametrize(
    "step", [quantize.Int8(), quantize.Int8(weight_bits=4, refine=quantize.GPTQ())], ids=["8 bits", "4 bits"]
)
def test_training_after_int8_is_quantization_aware(step, tmp_path):
    inputs, target = pictures(256, 0)
    inputs[:, 0] += (target % 2)[:, None, None]
    inputs[:, 1] += (target // 2)[:, None, None]
    data = paredown.Data((inputs, target), (inputs[:64], target[:64]), (inputs, target), (inputs, target))
    task = paredown.Task(Residual(), data, nn.functional.cross_entropy, paredown.scores.accuracy)
    evidence = Evidence(data.work, task, OnnxRuntime().capabilities)
    network = capture(Residual(), 3, 8, 8)
    quantized = step.on(network, evidence)
    train = paredown.Train(epochs=6, batch_size=32, optimizer=AdamW(lr=5e-3))
    trained = train.fit(quantized, evidence, original=network).network
    assert evidence.loss(trained) < 0.7 * evidence.loss(quantized)
    for name, parameter in quantized.named_parameters():
        assert not torch.equal(parameter, trained.get_parameter(name)), name
    for entry in fake_quantized(quantized):
        assert torch.equal(quantized.get_buffer(entry.zero_point), trained.get_buffer(entry.zero_point))
    artifact = OnnxRuntime().lower(trained, tmp_path / "trained.onnx")
    assert artifact.lowering.unfused == ()
    with OnnxRuntime().open(artifact.path) as session:
        got = torch.from_numpy(session.run([inputs[:64].numpy()])[0])
    assert decibel(trained(inputs[:64]).detach(), got) > 30


def test_a_quantized_network_can_still_be_cut(network, evidence, tmp_path):
    quantized = quantize.Int8().on(network, evidence)
    small = prune.Channels(keep=0.5).on(quantized)
    assert small.get_parameter("one.weight").shape[0] == 4
    assert small.get_parameter("one.weight_scale").shape == (4,)
    artifact = OnnxRuntime().lower(small, tmp_path / "small.onnx")
    assert artifact.lowering.unfused == ()


def test_a_dead_channel_does_not_overflow_its_bias(evidence, tmp_path):
    network = capture(Residual(), 3, 8, 8)
    with torch.no_grad():
        network.get_parameter("one.weight")[2] = 0.0
        network.get_parameter("norm1.bias")[2] = 3.0
    quantized = quantize.Int8().on(network, evidence)
    x, _ = pictures(50, 5)
    assert decibel(network(x), quantized(x)) > 25
    OnnxRuntime().lower(quantized, tmp_path / "network.onnx")


def test_two_quantizations_are_refused(network, evidence):
    quantized = quantize.Int8().on(network, evidence)
    with pytest.raises(RecipeError, match=r"quantized already \(11 rounded values, the first 'x'\). .* leave one"):
        quantize.Int8().plan(quantized, evidence)
    assert quantize.Int8().check(frozenset({"quantized"})) == "the network is quantized already"
    assert quantize.Int8().check(frozenset()) is None
    assert quantize.Int8().after(frozenset({"cut"})) == {"cut", "quantized"}


def test_without_calibration_data_it_says_what_to_pass(network):
    with pytest.raises(RecipeError, match=r"looks at data and was given none.*Pass evidence"):
        quantize.Int8().on(network, Evidence.empty(OnnxRuntime().capabilities))


def test_a_target_without_eight_bits_is_named(network):
    with pytest.raises(
        RecipeError, match=r"given for PyTorch, which runs float32 and nothing in 8 bits. `targets.Onnx"
    ):
        quantize.Int8().on(network, evidence_of(pictures(32, 0)[0], Torch().capabilities))


def test_values_that_are_not_finite_name_their_node(network):
    inputs = pictures(32, 0)[0]
    inputs[3, 1, 2, 2] = float("nan")
    with pytest.raises(RecipeError, match=r"value of node 'x' is not finite on the calibration data"):
        quantize.Int8().on(network, evidence_of(inputs))


@pytest.mark.parametrize("value", [0.0, 3.0])
@pytest.mark.parametrize("ranges", [quantize.MinMax(), quantize.Percentile(99.9), quantize.Mse(), quantize.Entropy()])
def test_constant_values_are_rounded_to_themselves_and_named(ranges, value, tmp_path):
    network = capture(Residual(), 3, 8, 8)
    with torch.no_grad():
        network.get_parameter("norm.weight").zero_()
        network.get_parameter("norm.bias").fill_(value or -1.0)
    step, inputs = quantize.Int8(ranges), pictures(32, 0)[0]
    plan = step.plan(network, evidence_of(inputs))
    assert "relu" in plan.decisions["constant"]
    assert re.search(
        rf" \d values? never changed on the calibration data: .*relu \({value:g}\).*prune.Channels", plan.reason
    )
    quantized = step.apply(network, plan)
    assert decibel(network(inputs), quantized(inputs)) > 25
    OnnxRuntime().lower(quantized, tmp_path / "network.onnx")


class Empty(nn.Module):
    """A layer that is never given anything."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(64, 8), nn.Linear(8, 4)

    def forward(self, x):
        return self.second(self.first(x.flatten(2))[:, 3:].exp())


def test_a_value_without_entries_names_its_node():
    with pytest.raises(RecipeError, match=r"The value of node 'exp' has no entries on the calibration data.*Calibrate"):
        quantize.Int8().on(capture(Empty(), 3, 8, 8), evidence_of(pictures(32, 0)[0]))


def test_broken_weights_are_named(evidence):
    network = capture(Residual(), 3, 8, 8)
    with torch.no_grad():
        network.get_parameter("head.weight")[0, 0] = float("inf")
    with pytest.raises(RecipeError, match=r"The weight 'head.weight' holds values that are not finite"):
        quantize.Int8().on(network, evidence)


def test_a_network_without_such_layers_is_refused():
    network = paredown.capture(nn.Sequential(nn.Flatten(), nn.Softmax(1)), torch.randn(2, 3, 8, 8))
    with pytest.raises(
        RecipeError, match=r"without a layer that ONNX Runtime runs faster in 8 bits\. .* Leave the step"
    ):
        quantize.Int8().on(network, evidence_of(pictures(32, 0)[0]))
    network = paredown.capture(nn.Sequential(nn.Conv2d(3, 2, 1)), torch.randn(2, 3, 8, 8))
    with pytest.raises(
        RecipeError, match=r"faster in 8 bits, leaving out 0 \(conv2d: it was asked to be left in float\)\."
    ):
        quantize.Int8(skip=("0",)).on(network, evidence_of(pictures(32, 0)[0]))


@pytest.mark.parametrize(
    ("make", "example", "words"),
    [
        (
            lambda: nn.Conv3d(3, 4, 1),
            torch.randn(2, 3, 2, 8, 8),
            r"\(conv3d: aten.conv3d.default has no 8-bit kernel\)",
        ),
        (
            lambda: nn.ConvTranspose2d(3, 4, 1),
            torch.randn(2, 3, 8, 8),
            r"\(conv_transpose2d: aten.conv_transpose2d.input has no 8-bit kernel\)",
        ),
        (
            lambda: nn.Conv2d(3, 4, 1).double(),
            torch.randn(2, 3, 8, 8).double(),
            r"\(conv2d: it computes in float64, capture model.float\(\) for float32\)",
        ),
    ],
)
def test_layers_that_no_kernel_takes_are_named_with_those_that_are_taken(make, example, words):
    network = paredown.capture(make(), example)
    words = rf"{words}\. There, aten.conv1d.default, aten.conv2d.default, aten.linear.default are such layers.*Leave the step out"
    with pytest.raises(RecipeError, match=words):
        quantize.Int8().on(network, evidence_of(example))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: quantize.Int8(weight_bits=16),
            r"Int8\(weight_bits=16\) was given. .* weights take, 2 to 8. .*weight_bits=8",
        ),
        (
            lambda: quantize.Int8(refine=quantize.AdaRound),
            r"Int8\(refine=...\) was given AdaRound \(the class\), which refines nothing. .* `AdaRound\(\)`",
        ),
        (lambda: quantize.Int8(refine=[quantize.Mse()]), r"was given quantize.Mse\(\), which refines nothing"),
    ],
)
def test_impossible_settings_are_refused(make, message):
    with pytest.raises(RecipeError, match=message):
        make()
