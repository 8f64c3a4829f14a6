import pytest
import torch
from torch import nn

import paredown
from paredown import quantize
from paredown.codec import decode, encode
from paredown.errors import RecipeError
from paredown.graph.fold import fold_batch_norm
from paredown.quantize import Equalize, Int8
from paredown.recipe import Evidence

from .conftest import capture, evidence_of, pictures
from .test_int8 import decibel


class Chain(nn.Module):
    """Everything that a factor passes: batch norm, ReLU, depthwise and grouped layers, pools, flattening, linear layers."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.deep, self.norm1 = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), nn.BatchNorm2d(8)
        self.group = nn.Conv2d(8, 12, 1, groups=4)
        self.point = nn.Conv2d(12, 6, 1)
        self.hidden, self.head = nn.Linear(6 * 4, 10), nn.Linear(10, 4, bias=False)
        self.pool = nn.MaxPool2d(4)

    def forward(self, x):
        x = self.norm1(self.deep(self.norm(self.stem(x)).relu())).relu()
        x = nn.functional.leaky_relu(self.group(x), 0.1)
        x = self.pool(self.point(x)).flatten(1)
        return self.head(self.hidden(x).relu())


PAIRS = [("stem", "deep"), ("deep", "group"), ("group", "point"), ("point", "hidden"), ("hidden", "head")]


@pytest.fixture(scope="module")
def chain():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = capture(Chain(), 3, 8, 8)
    with torch.no_grad():
        for seed, (name, _) in enumerate(PAIRS):  # channels of very different size
            weight = network.get_parameter(f"{name}.weight")
            weight.mul_(torch.logspace(-1, 1, len(weight)).roll(seed).reshape([-1] + [1] * (weight.ndim - 1)))
    return network


def written(network, name):
    return network.get_parameter(f"{name}.weight").detach().flatten(1).abs().amax(1)


def read(network, name, groups, channels):
    """Largest absolute weight that reads each channel, one channel after the other."""
    weight = network.get_parameter(f"{name}.weight").detach()
    per_group, rows = channels // groups, len(weight) // groups
    run = weight.shape[1] // per_group
    largest = []
    for channel in range(channels):
        group, place = divmod(channel, per_group)
        part = weight[group * rows : (group + 1) * rows, place * run : (place + 1) * run]
        largest.append(part.abs().max())
    return torch.stack(largest)


def test_it_computes_the_same_with_equal_ranges_in_every_channel(chain):
    before = chain.fingerprint()
    plan = Equalize(absorb=False, rounds=500).plan(chain, Evidence.empty())
    equal = Equalize(absorb=False).apply(chain, plan)
    assert chain.fingerprint() == before
    x, _ = pictures(20, 1)
    assert torch.allclose(equal(x), chain(x), rtol=1e-4, atol=1e-4 * chain(x).abs().max().item())
    groups = {"deep": 8, "group": 4}
    for first, second in PAIRS:
        one = written(equal, first)
        assert torch.allclose(one, read(equal, second, groups.get(second, 1), len(one)), rtol=2e-2), (first, second)
    assert plan.reason.startswith("5 pairs of layers were equalized (factors of one pair differ by up to ")
    assert plan.reason.endswith("0 absorbed a surplus, 2 batch norms were folded.")


def test_one_pair_has_the_factors_of_the_paper():
    network = capture(nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3)), 5)
    one, two = (network.get_parameter(f"{i}.weight").detach().clone() for i in (0, 2))
    r1, r2 = one.abs().amax(1), two.abs().amax(0)
    equal = Equalize().on(network)
    assert torch.allclose(equal.get_parameter("0.weight"), one / ((r1 * r2).sqrt() / r2)[:, None], rtol=1e-5)
    assert torch.allclose(equal.get_parameter("2.weight"), two * (r1 * r2).sqrt() / r2, rtol=1e-5)
    assert torch.allclose(written(equal, "0"), (r1 * r2).sqrt(), rtol=1e-5)


def test_what_differs_by_a_factor_per_channel_rounds_the_same_afterwards():
    network = capture(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3)), 3, 8, 8)
    uneven = network.copy()
    factor = torch.logspace(-2, 2, 8)[:, None, None, None]
    with torch.no_grad():
        uneven.get_parameter("0.weight").mul_(factor)
        uneven.get_parameter("0.bias").mul_(factor.flatten())
        uneven.get_parameter("2.weight").div_(factor.movedim(0, 1))
    inputs, _ = pictures(64, 0)
    evidence = evidence_of(inputs)
    wanted = network(inputs)
    even, plain, better = (
        decibel(wanted, Int8().on(net, evidence)(inputs)) for net in (network, uneven, Equalize().on(uneven))
    )
    assert plain < even - 10
    assert better > even - 2


def surplus_network():
    """A batch norm whose output is nearly always positive, before a ReLU and a layer without padding."""
    model = nn.Sequential(nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 1))
    network = capture(model, 3, 8, 8)
    with torch.no_grad():
        network.get_parameter("1.weight").copy_(torch.tensor([0.5, 0.5, -0.5, 1.0, 1.0, 1.0]))
        network.get_parameter("1.bias").copy_(torch.tensor([4.0, 1.0, 4.0, 0.0, -1.0, 5.0]))
    return network


def test_a_surplus_moves_into_the_next_bias():
    network = surplus_network()
    plan = Equalize().plan(network, Evidence.empty())
    surplus, factor = plan.tensors["conv2d.surplus"], plan.tensors["conv2d.factor"]
    assert torch.allclose(surplus * factor, torch.tensor([2.5, 0.0, 2.5, 0.0, 0.0, 2.0]), atol=1e-5)
    assert "1 absorbed a surplus" in plan.reason
    absorbed, plain = Equalize().apply(network, plan), Equalize(absorb=False).on(network)
    x, _ = pictures(64, 2)
    assert decibel(network(x), absorbed(x)) > 40
    assert torch.allclose(plain.get_parameter("0.bias") - absorbed.get_parameter("0.bias"), surplus, atol=1e-5)


@pytest.mark.parametrize(
    "last", [nn.Conv2d(6, 4, 3, padding=1), nn.Conv2d(6, 4, 1, bias=False)], ids=["padded", "no bias"]
)
def test_no_surplus_moves_where_it_would_be_wrong(last):
    model = nn.Sequential(nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), last)
    nn.init.constant_(model[1].bias, 9.0)
    network = paredown.capture(model.eval(), torch.randn(2, 3, 8, 8))
    plan = Equalize().plan(network, Evidence.empty())
    assert list(plan.tensors) == ["conv2d.factor"]


class Held(nn.Module):
    """Layers that a factor must not pass between: a clip at 6, a gate, a second reader, a tied weight, a change of axes."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.d = (nn.Conv2d(3, 3, 1) for _ in range(4))
        self.e, self.f, self.i = (nn.Conv2d(3, 3, 1) for _ in range(3))
        self.f.weight = self.e.weight
        self.g, self.h = nn.Linear(8, 8), nn.Linear(8, 4)

    def forward(self, x):
        x = self.c(nn.functional.silu(self.b(nn.functional.relu6(self.a(x)))))
        x = self.d(x) + x
        x = self.f(self.e(x).relu()).relu()
        return self.h(self.g(self.i(x).relu()).transpose(2, 3))


def test_other_layers_are_left_alone():
    network = paredown.capture(Held().eval(), torch.randn(2, 3, 8, 8))
    plan = Equalize().plan(network, Evidence.empty())
    assert plan.decisions["pairs"] == []
    assert plan.reason.startswith("0 pairs of layers were equalized")
    assert Equalize().apply(network, plan).fingerprint() == network.fingerprint()


def test_dead_channels_keep_their_scale(chain):
    network = chain.copy()
    with torch.no_grad():
        network.get_parameter("hidden.weight")[2] = 0.0
        network.get_parameter("head.weight")[:, 5] = 0.0
    plan = Equalize().plan(network, Evidence.empty())
    factor = next(plan.tensors[f"{pair['first']}.factor"] for pair in plan.decisions["pairs"][-1:])
    assert factor[2] == factor[5] == 1.0
    x, _ = pictures(8, 1)
    assert torch.allclose(Equalize(absorb=False).on(network)(x), network(x), rtol=1e-3, atol=1e-2)


def test_a_second_time_changes_nothing(chain):
    once = Equalize(rounds=500).on(chain)
    plan = Equalize(rounds=500).plan(once, Evidence.empty())
    for name, factor in plan.tensors.items():
        assert torch.allclose(factor, torch.ones_like(factor), rtol=2e-2), name


def test_batch_norms_are_folded_as_int8_folds_them(network):
    assert [p.shape for p in Equalize().on(network).parameters()] == [
        p.shape for p in fold_batch_norm(network)[0].parameters()
    ]


def test_it_comes_before_quantization(network, evidence):
    quantized = Int8().on(network, evidence)
    with pytest.raises(
        RecipeError, match=r"Equalize\(\) was given .* quantized already .* the first 'x'\).*before Int8"
    ):
        Equalize().plan(quantized, evidence)
    assert "quantized already" in Equalize().check(frozenset({"quantized"}))
    assert Equalize().check(frozenset()) is None


def test_settings():
    assert decode(encode(quantize.Equalize(absorb=False))) == Equalize(absorb=False)
    with pytest.raises(
        RecipeError, match=r"Equalize\(rounds=0\) was given. It is a whole number, 1 or more. Write `quantize.Eq"
    ):
        Equalize(rounds=0)
