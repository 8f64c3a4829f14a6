import dataclasses

import pytest
import torch
from torch import nn

from paredown.codec import decode, encode
from paredown.errors import RecipeError
from paredown.quantize import AWQ, GPTQ, Int8, WeightOnly
from paredown.quantize.scalable import Scalable, chains, norms
from paredown.recipe import Evidence
from paredown.targets import OnnxRuntime

from .conftest import capture
from .conftest import evidence_of as of_numbers
from .language import evidence_of, reader, tokens
from .test_int8 import decibel


@pytest.fixture(scope="module")
def network():
    return reader()


@pytest.fixture(scope="module")
def evidence():
    return evidence_of()


def test_channels_are_scaled_where_norms_attention_and_relus_carry_factors(network):
    assert [norm.value for norm in norms(network)] == ["layer_norm"]
    assert norms(network)[0].makers == ("norm.weight", "norm.bias")
    found = {chain.readers: chain.makers for chain in chains(network)}
    assert found == {("linear_3",): ("value.weight", "value.bias"), ("linear_5",): ("up.weight", "up.bias")}


class Curved(nn.Module):
    """What does not carry factors (GELU, a sigmoid), two layers that follow one directly, and a gate that does."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.gate, self.c, self.d = (nn.Linear(8, 8) for _ in range(5))

    def forward(self, x):
        x = self.b(nn.functional.gelu(self.a(x)))
        return self.c(torch.sigmoid(self.gate(x)) * self.d(x))


def test_factors_pass_where_they_can_and_nowhere_else():
    network = capture(Curved(), 8)
    found = {chain.readers: chain.makers[0] for chain in chains(network)}
    assert found == {("linear_2", "linear_3"): "b.weight", ("linear_4",): "d.weight"}


def test_scaling_computes_the_same(network):
    scaled, x = network.copy(), tokens(1)
    for place in (*norms(network), *chains(network)):
        width = network.get_parameter(place.makers[0]).shape[0]
        place.scale(scaled, 0.5 + torch.rand(width, generator=torch.Generator().manual_seed(1)))
    assert torch.allclose(scaled(x), network(x), atol=1e-4)
    assert not torch.equal(scaled.get_parameter("up.weight"), network.get_parameter("up.weight"))


def test_inputs_that_matter_come_out_closer(network, evidence):
    x = tokens(1)
    step = AWQ(WeightOnly(4, 32))
    plan = step.plan(network, evidence)
    assert plan.reason.startswith("AWQ scaled 3 values that 5 linear layers read; their error is ")
    factor = plan.tensors["layer_norm.factor"]
    assert factor[[3, 17]].min() > 1.5 * factor.median()
    plain, better = WeightOnly(4, 32).on(network, evidence)(x), step.apply(network, plan)(x)
    assert decibel(network(x), better) > decibel(network(x), plain) + 1


def test_the_factor_is_the_best_of_the_grid(evidence):
    network = capture(nn.Sequential(nn.LayerNorm(32), nn.Linear(32, 16)), 32)
    with torch.no_grad():
        network.get_parameter("0.weight")[5] = 20.0
    x = torch.randn(64, 32, generator=torch.Generator().manual_seed(0))
    plan = AWQ(steps=5).plan(network, of_numbers(x))
    normal = nn.functional.layer_norm(
        x, (32,), network.get_parameter("0.weight"), network.get_parameter("0.bias")
    ).detach()
    weight, rounding, errors = network.get_parameter("1.weight").detach(), WeightOnly(), {}
    stored = rounding.places(network, OnnxRuntime().capabilities).found[0]
    for alpha in (0.0, 0.25, 0.5, 0.75, 1.0):
        factor = normal.abs().mean(0) ** alpha
        factor = factor / (factor.max() * factor.min()).sqrt()
        wrong = rounding.rounded(weight * factor, stored) / factor - weight
        errors[alpha] = (float((normal @ wrong.T).square().sum()), factor)
    wanted = min(errors.values(), key=lambda pair: pair[0])[1]
    assert torch.allclose(plan.tensors["layer_norm.factor"], wanted, rtol=1e-4)


def test_it_goes_into_the_file_with_gptq_on_top(network, evidence, tmp_path):
    step = AWQ(WeightOnly(refine=GPTQ()))
    plan = step.plan(network, evidence)
    rounded = step.apply(network, plan)
    assert decode(encode(step)).apply(network, plan).fingerprint() == rounded.fingerprint()
    lowering = OnnxRuntime().lower(rounded, tmp_path / "network.onnx").lowering
    assert lowering.operators["MatMulNBits"] == 7
    x = tokens(1)
    assert decibel(network(x), rounded(x)) > decibel(network(x), WeightOnly().on(network, evidence)(x)) + 2


def test_what_is_refused(network, evidence):
    with pytest.raises(
        RecipeError, match=r"AWQ\(of=...\) was given quantize.Int8.*scales what WeightOnly rounds. Type AWQ\(of=W"
    ):
        AWQ(of=Int8())
    with pytest.raises(
        RecipeError, match=r"AWQ\(steps=1\) was given. It is a whole number, 2 or more. Write `quantize.AWQ"
    ):
        AWQ(steps=1)
    with pytest.raises(RecipeError, match=r"looks at data and was given none.*Pass evidence"):
        AWQ().plan(network, Evidence.empty(OnnxRuntime().capabilities))
    with pytest.raises(RecipeError, match=r"AWQ\(\) was given a network that is quantized already"):
        AWQ().plan(WeightOnly().on(network, evidence), evidence)
    x = torch.randn(8, 32)
    x[3, 2] = float("nan")
    plain = capture(nn.Sequential(nn.LayerNorm(32), nn.Linear(32, 4)), 32)
    with pytest.raises(RecipeError, match=r"node 'layer_norm' is not finite on the calibration data.*task.check"):
        AWQ().plan(plain, of_numbers(x))
    assert "quantized already" in AWQ().check(AWQ().after(frozenset()))


def test_a_place_is_data():
    place = Scalable("norm", ("weight",), ("linear",))
    assert Scalable(**dataclasses.asdict(place)) == place
