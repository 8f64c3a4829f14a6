import pytest
import torch
import torch.nn.functional as F
from torch import nn

import paredown
from paredown.codec import decode, encode
from paredown.errors import RecipeError
from paredown.quantize import Int8, SmoothQuant
from paredown.recipe import Evidence

from .conftest import capture, evidence_of, pictures
from .test_int8 import decibel


class Encoder(nn.Module):
    """Two layers that read one layer norm, one that reads an RMS norm; a few channels of the norms are large."""

    def __init__(self):
        super().__init__()
        self.norm, self.key, self.value = nn.LayerNorm(16), nn.Linear(16, 16), nn.Linear(16, 16)
        self.rms, self.down = nn.RMSNorm(16), nn.Linear(16, 16)

    def forward(self, x):
        normal = self.norm(x)
        x = x + self.key(normal).sigmoid() * self.value(normal)
        return x + self.down(self.rms(x))


def tokens(seed, count=32):
    return torch.randn(count, 5, 16, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def encoder():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = capture(Encoder(), 5, 16)
    with torch.no_grad():
        for norm in ("norm", "rms"):
            network.get_parameter(f"{norm}.weight")[3] = 60.0
    return network


def test_the_factors_are_those_of_the_paper_and_the_network_computes_the_same(encoder):
    before, x = encoder.fingerprint(), tokens(0)
    step = SmoothQuant(alpha=0.7)
    plan = step.plan(encoder, evidence_of(x))
    smooth = step.apply(encoder, plan)
    assert encoder.fingerprint() == before
    assert plan.reason == "2 normalisations before 3 linear layers were smoothed."
    normal = F.layer_norm(x, (16,), *(encoder.get_parameter(f"norm.{name}") for name in ("weight", "bias")))
    largest = normal.detach().abs().amax((0, 1))
    columns = torch.cat([encoder.get_parameter(f"{name}.weight") for name in ("key", "value")]).detach().abs().amax(0)
    wanted = largest**0.7 / columns**0.3
    assert torch.allclose(plan.tensors["layer_norm.factor"], wanted, rtol=1e-5)
    assert torch.allclose(
        smooth.get_parameter("value.weight"), encoder.get_parameter("value.weight") * wanted, rtol=1e-5
    )
    fresh = tokens(1)
    assert torch.allclose(smooth(fresh), encoder(fresh), atol=1e-4)


def test_outliers_cost_less_after_it(encoder):
    x = tokens(0, 64)
    evidence = evidence_of(x)
    plain = Int8().on(encoder, evidence)
    smooth = Int8().on(SmoothQuant().on(encoder, evidence), evidence)
    assert decibel(encoder(x), smooth(x)) > decibel(encoder(x), plain(x)) + 3


def test_all_or_nothing_moves_at_the_ends(encoder):
    x = tokens(0)
    weights = SmoothQuant(alpha=1.0).on(encoder, evidence_of(x))
    largest = []
    evidence_of(x).observe(weights, {"layer_norm": lambda values: largest.append(values.abs().amax((0, 1)))})
    assert torch.allclose(torch.stack(largest).amax(0), torch.ones(16), rtol=1e-4)
    activations = SmoothQuant(alpha=0.0).on(encoder, evidence_of(x))
    columns = torch.cat([activations.get_parameter(f"{name}.weight") for name in ("key", "value")]).abs().amax(0)
    assert torch.allclose(columns, torch.ones(16), rtol=1e-4)


class Shared(nn.Module):
    """Norms that must stay: read by something else too, without weights, tied, over two axes."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.LayerNorm(16), nn.LayerNorm(16, elementwise_affine=False)
        self.c, self.d = nn.LayerNorm(16), nn.LayerNorm((5, 16))
        self.one, self.two, self.three, self.four, self.five = (nn.Linear(16, 16) for _ in range(5))
        self.three.weight = self.four.weight

    def forward(self, x):
        x = self.a(x)
        x = self.one(x) + x
        x = self.three(self.c(self.two(self.b(x))))
        return self.five(self.d(self.four(x)))


def test_other_normalisations_are_left_alone():
    network = paredown.capture(Shared().eval(), torch.randn(2, 5, 16))
    plan = SmoothQuant().plan(network, Evidence.empty())
    assert plan.decisions["norms"] == []
    assert plan.reason == "No normalisation is read by linear layers alone: there is nothing to smooth."
    assert SmoothQuant().apply(network, plan).fingerprint() == network.fingerprint()


def test_values_that_are_not_finite_name_their_node(encoder):
    x = tokens(0)
    x[2, 1, 4] = float("nan")
    with pytest.raises(RecipeError, match=r"node 'layer_norm' is not finite on the calibration data.*task.check"):
        SmoothQuant().plan(encoder, evidence_of(x))


def test_without_calibration_data_it_says_what_to_pass(encoder):
    with pytest.raises(RecipeError, match=r"looks at data and was given none.*Pass evidence"):
        SmoothQuant().on(encoder)


def test_it_comes_before_quantization(network, evidence):
    with pytest.raises(RecipeError, match=r"SmoothQuant\(\) was given .* quantized already .*Put the step before Int8"):
        SmoothQuant().plan(Int8().on(network, evidence), evidence)
    assert "quantized already" in SmoothQuant().check(frozenset({"quantized"}))
    assert SmoothQuant().check(frozenset()) is None


def test_settings():
    assert decode(encode(SmoothQuant(alpha=0.8))) == SmoothQuant(alpha=0.8)
    with pytest.raises(RecipeError, match=r"SmoothQuant\(alpha=1.5\) was given. It is a share from 0 to 1"):
        SmoothQuant(alpha=1.5)


def test_a_network_of_pictures_has_nothing_to_smooth(network):
    x, _ = pictures(4, 0)
    assert torch.equal(SmoothQuant().on(network)(x), network(x))


class Products(nn.Module):
    """A layer norm that GPT-2's `Conv1D` reads, as one list of rows."""

    def __init__(self):
        super().__init__()
        self.norm, self.weight, self.bias = (
            nn.LayerNorm(16),
            nn.Parameter(torch.randn(16, 8)),
            nn.Parameter(torch.zeros(8)),
        )

    def forward(self, x):
        rows = torch.addmm(self.bias, self.norm(x).reshape(-1, 16), self.weight)
        return rows.reshape(*x.shape[:-1], 8)


def test_products_with_stored_matrices_are_smoothed_too():
    network, x = capture(Products(), 5, 16), tokens(0)
    step = SmoothQuant()
    plan = step.plan(network, evidence_of(x))
    assert plan.reason == "1 normalisations before 1 linear layers were smoothed."
    smooth = step.apply(network, plan)
    assert smooth.get_parameter("weight").shape == (8, 16)
    torch.testing.assert_close(smooth(x), network(x), rtol=1e-4, atol=1e-4)
