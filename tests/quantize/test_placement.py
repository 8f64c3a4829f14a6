import pytest
import torch
import torch.nn.functional as F
from torch import nn

from paredown import quantize
from paredown.errors import InputError, RecipeError
from paredown.graph.capabilities import Int8Kernels
from paredown.graph.fakequantize import fake_quantized
from paredown.graph.formats import INT8
from paredown.targets import OnnxRuntime

from .conftest import capture, evidence_of, pictures


class Forked(nn.Module):
    """Two convolutions joined by a concatenation; the second part with or without a ReLU."""

    def __init__(self, *, relu):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(16, 8, 1)
        self.relu = relu

    def forward(self, x):
        a = self.a(x).relu()
        b = self.b(a)
        return self.c(torch.cat([a, b.relu() if self.relu else b], 1))


class Squeeze(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.down, self.up = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 2, 1), nn.Conv2d(2, 8, 1)
        self.last = nn.Conv2d(8, 4, 1)

    def forward(self, x):
        x = F.silu(self.a(x))
        return self.last(x * self.up(self.down(F.adaptive_avg_pool2d(x, 1)).relu()).sigmoid())


class Tokens(nn.Module):
    """Linear layers on sequences, beside operators without 8-bit kernels."""

    def __init__(self):
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(64), nn.Linear(64, 16), nn.Linear(16, 64)

    def forward(self, x):
        x = x.flatten(2)
        return x + self.down(F.gelu(self.up(self.norm(x))))


def mobile(width=8):
    def block(i, o, k, groups=1):
        return nn.Sequential(nn.Conv2d(i, o, k, padding=k // 2, groups=groups), nn.BatchNorm2d(o), nn.ReLU6())

    return nn.Sequential(block(3, width, 3), block(width, width, 3, width), block(width, 16, 1), nn.MaxPool2d(2))


def lower(model, tmp_path, step=None):
    step = step or quantize.Int8()
    network = capture(model, 3, 8, 8)
    evidence = evidence_of(pictures(64, 0)[0])
    plan = step.plan(network, evidence)
    quantized = step.apply(network, plan)
    return plan, quantized, OnnxRuntime().lower(quantized, tmp_path / "network.onnx").lowering


def test_a_concatenation_of_relus_shares_a_scale_and_only_copies(tmp_path):
    plan, quantized, lowering = lower(Forked(relu=True), tmp_path)
    shares = [point["shares"] for point in plan.decisions["activations"]]
    assert len(shares) - len(set(shares)) == 1
    assert "a.relu_scale" in dict(quantized.named_parameters()) or "relu_scale" in dict(quantized.named_parameters())
    assert lowering.operators["Concat"] == 1
    assert "QLinearConcat" not in lowering.operators
    assert lowering.unfused == ()


def test_a_concatenation_of_unlike_ranges_keeps_each_scale_and_every_fused_relu(tmp_path):
    plan, _, lowering = lower(Forked(relu=False), tmp_path)
    shares = [point["shares"] for point in plan.decisions["activations"]]
    assert len(shares) == len(set(shares))
    assert lowering.operators["QLinearConcat"] == 1
    assert lowering.operators["QLinearConv"] == 3
    assert lowering.unfused == ()


def test_gates_run_in_eight_bits(tmp_path):
    plan, _, lowering = lower(Squeeze(), tmp_path)
    assert len(plan.decisions["split"]) == 1
    assert lowering.operators["QLinearSigmoid"] == 2
    assert lowering.operators["QLinearMul"] == 2
    assert lowering.operators["QLinearGlobalAveragePool"] == 1
    assert lowering.unfused == ()


def test_clipped_activations_fuse_and_their_scales_may_grow(tmp_path):
    _, quantized, lowering = lower(mobile(), tmp_path)
    assert lowering.operators["QLinearConv"] == 3
    assert "Clip" not in lowering.operators
    assert "aten.relu6.default" not in {str(node.target) for node in quantized.nodes()}
    with torch.no_grad():
        for name, parameter in quantized.named_parameters():
            if "weight" not in name and name.endswith("_scale"):
                parameter.mul_(1.5)
    grown = OnnxRuntime().lower(quantized, tmp_path / "grown.onnx").lowering
    assert "Clip" not in grown.operators
    assert grown.unfused == ()


def test_linear_layers_on_sequences_take_integer_products(tmp_path):
    plan, _, lowering = lower(Tokens(), tmp_path)
    assert lowering.operators["MatMulIntegerToFloat"] == 2
    assert plan.decisions["float"] == {}
    assert lowering.operators["QLinearAdd"] == 1


@pytest.mark.parametrize("skip", [(), ("1",)], ids=["all", "one in float"])
def test_grouped_convolutions_stay_in_float_where_that_is_faster(tmp_path, skip):
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1, groups=2), nn.Conv2d(8, 4, 1))
    plan, _, lowering = lower(model, tmp_path, quantize.Int8(skip=skip))
    reason = "it was asked to be left in float" if skip else "ONNX Runtime runs grouped convolutions slower in 8 bits"
    assert set(plan.decisions["float"].values()) == {reason}
    assert lowering.operators["Conv"] == 1
    assert lowering.operators["QLinearConv"] == 2
    assert lowering.unfused == ()


def test_sums_with_numbers_and_odd_means_stay_in_float(tmp_path):
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)

        def forward(self, x):
            return self.b(self.a(x) + 1.0).mean(1)

    plan, _, lowering = lower(Odd(), tmp_path)
    assert set(plan.decisions["float"].values()) == {"one side is a number", "it does not average whole images"}
    assert lowering.operators["QLinearConv"] == 2


def test_weights_made_while_running_stay_in_float():
    class Made(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.gain = nn.Conv2d(3, 4, 1), nn.Parameter(torch.ones(4, 1, 1, 1))

        def forward(self, x):
            return F.conv2d(x, self.a.weight * self.gain) + self.a(x)

    plan = quantize.Int8().plan(capture(Made(), 3, 8, 8), evidence_of(pictures(64, 0)[0]))
    assert plan.decisions["float"]["conv2d"] == "its weight is computed while running"


class Chain(nn.Module):
    """Two residual blocks behind a stem; what stands between the stem and them is a setting."""

    def __init__(self, between=None):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.between = between or nn.Identity()
        self.convs = nn.ModuleList(nn.Conv2d(8, 8, 3, padding=1) for _ in range(4))

    def forward(self, x):
        x = self.between(self.stem(x).relu())
        for first, second in zip(self.convs[::2], self.convs[1::2], strict=True):
            x = (second(first(x).relu()) + x).relu()
        return x.mean((2, 3))


@pytest.mark.parametrize("between", [None, nn.MaxPool2d(2)], ids=["straight", "through a pool"])
def test_a_layer_in_float_costs_one_conversion_and_takes_no_sum_out(tmp_path, between):
    plan, _, lowering = lower(Chain(between), tmp_path, quantize.Int8(skip=("stem",)))
    assert list(plan.decisions["float"].values()) == ["it was asked to be left in float"]
    assert lowering.operators["QLinearConv"] == 4
    assert lowering.operators["QLinearAdd"] == 2
    assert lowering.operators["QuantizeLinear"] == 1
    assert sum(lowering.operators.get(kind, 0) for kind in ("Conv", "FusedConv")) == 1
    assert lowering.unfused == ()


def test_the_float_layer_before_a_sum_is_rounded_once_behind_it(tmp_path):
    plan, _, lowering = lower(Chain(), tmp_path, quantize.Int8(skip=("convs.1",)))
    assert list(plan.decisions["float"].values()) == ["it was asked to be left in float"]
    assert lowering.operators["QLinearConv"] == 4
    assert lowering.operators["QLinearAdd"] == 2
    assert lowering.operators["QuantizeLinear"] == 2  # of the image, and behind the layer
    assert lowering.unfused == ()


def test_a_cheap_operator_between_float_neighbours_stays_in_float(tmp_path):
    class Island(nn.Module):
        """A sum of a layer in 8 bits and one in float, read by float only; and one of two in float."""

        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = (nn.Conv2d(3, 4, 1) for _ in range(3))
            self.last = nn.Conv2d(4, 4, 1)

        def forward(self, x):
            b = self.b(x)
            return (self.a(x) + b).tanh(), self.last(b + self.c(x))

    plan, _, lowering = lower(Island(), tmp_path, quantize.Int8(skip=("b", "c")))
    reasons = [plan.decisions["float"][name] for name in ("add", "add_1")]
    assert reasons == ["an input is computed in float"] * 2
    assert "QLinearAdd" not in lowering.operators
    assert lowering.operators["QLinearConv"] == 2


class Steps(nn.Module):
    """Linear layers behind a recurrent layer, which gives several results."""

    def __init__(self, kind):
        super().__init__()
        self.steps, self.hidden, self.head = kind(64, 16, batch_first=True), nn.Linear(16, 16), nn.Linear(16, 4)

    def forward(self, x):
        return self.head(self.hidden(self.steps(x.flatten(2))[0]).relu()[:, -1])


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_layers_behind_a_recurrent_one_run_in_eight_bits(kind, tmp_path):
    plan, _, lowering = lower(Steps(kind), tmp_path)
    assert {weight["parameter"] for weight in plan.decisions["weights"]} == {"hidden.weight", "head.weight"}
    if kind is nn.GRU:
        assert plan.decisions["float"] == {"gru": "aten.gru.input has no 8-bit kernel"}
        assert plan.decisions["steps"] == []
    else:
        assert plan.decisions["float"] == {}
        assert {entry["parameter"] for entry in plan.decisions["steps"]} == {"steps.weight_ih_l0", "steps.weight_hh_l0"}
        assert "and 1 LSTMs with ranges found while running" in plan.reason
        assert lowering.operators["DynamicQuantizeLSTM"] == 1
    assert lowering.operators["MatMulIntegerToFloat"] == 1
    assert lowering.operators["QGemm"] == 1


def test_a_network_of_nothing_but_an_lstm_is_rounded_and_skipped_on_request(tmp_path):
    class Alone(nn.Module):
        def __init__(self):
            super().__init__()
            self.steps = nn.LSTM(64, 16, batch_first=True)

        def forward(self, x):
            return self.steps(x.flatten(2))[0]

    plan, _, lowering = lower(Alone(), tmp_path)
    assert len(plan.decisions["steps"]) == 2
    assert lowering.quantized == 1
    with pytest.raises(RecipeError, match=r"lstm: aten.lstm.input has no 8-bit kernel|leaving out steps"):
        lower(Alone(), tmp_path, quantize.Int8(skip=("steps",)))


def planned(model, **kernels):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for module in model.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
    network = capture(model, 3, 8, 8)
    able = OnnxRuntime().capabilities.with_int8(**kernels)
    plan = quantize.Int8().plan(network, evidence_of(pictures(64, 0)[0], able))
    return network, plan, {point["node"] for point in plan.decisions["activations"]}


def test_results_of_linear_layers_are_rounded_where_kernels_want_it():
    _, _, without = planned(Tokens())
    _, _, points = planned(Tokens(), output_rounded=True)
    assert points - without == {"linear"}  # the sum in 8 bits reads the other one anyway
    assert {"linear", "linear_1"} <= points


def test_outputs_of_the_network_are_rounded_where_files_give_8_bits():
    _, _, without = planned(Steps(nn.LSTM))
    network, _, points = planned(Steps(nn.LSTM), io=INT8)
    last = next(node for node in network.nodes() if node.op == "output").all_input_nodes[0]
    assert points - without == {last.name}


def test_inputs_of_a_concatenation_keep_their_scales_where_it_computes():
    _, plan, _ = planned(Forked(relu=True), concat_shares_scale=False)
    shares = [point["shares"] for point in plan.decisions["activations"]]
    assert len(shares) == len(set(shares))


def test_activations_that_are_not_fused_are_rounded_before_and_after():
    _, _, fused = planned(Forked(relu=True))
    _, _, alone = planned(Forked(relu=True), fused_clips=frozenset())
    assert {"conv2d", "conv2d_1"} & fused == set()
    assert {"conv2d", "conv2d_1"} <= alone


def test_one_scale_for_a_whole_weight():
    network, plan, _ = planned(Forked(relu=True), weight_axis=None, weight_bits=8)
    assert {plan.tensors[f"{name}.weight.scale"].numel() for name in "abc"} == {1}
    rounded = quantize.Int8().apply(network, plan)
    weights = [entry for entry in fake_quantized(rounded) if entry.value.op == "get_attr"]
    assert [entry.axis for entry in weights] == [-1, -1, -1]
    x = pictures(8, 3)[0]
    assert (network(x) - rounded(x)).abs().max() < 0.1 * network(x).abs().max()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"symmetric": True}, r"symmetric=True\) was given with activations in uint8.* Type activation=INT8"),
        ({"weight_axis": 1}, r"weight_axis=1\) was given; it is 0, .* Type weight_axis=0"),
    ],
)
def test_kernels_that_cannot_be_are_refused(given, words):
    with pytest.raises(InputError, match=words):
        Int8Kernels(**given)
