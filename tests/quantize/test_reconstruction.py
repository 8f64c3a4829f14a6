import itertools
import time

import pytest
import torch
from torch import nn

from paredown import quantize
from paredown.codec import decode, encode
from paredown.errors import RecipeError
from paredown.quantize import BRECQ, AdaRound, Int8
from paredown.quantize.reconstruction import _Soft
from paredown.quantize.segment import layers

from .conftest import capture, evidence_of, pictures
from .test_int8 import decibel


def linear_problem(seed=0, *, correlated=True):
    """A linear layer: its network, its evidence, and the inputs."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(256, 6, generator=generator)
    inputs = inputs @ torch.randn(6, 6, generator=generator) if correlated else inputs
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = capture(nn.Linear(6, 3), 6)
    return network, evidence_of(inputs), inputs


def rounded_inputs(plan, inputs):
    name = plan.decisions["activations"][0]["shares"]
    scale, zero = plan.tensors[f"{name}.scale"], plan.tensors[f"{name}.zero_point"]
    return (((inputs / scale).round() + zero).clamp(0, 255) - zero) * scale


def errors(plan, network, inputs, weight):
    """Squared error of each output, as the paper writes it."""
    with torch.no_grad():
        wanted = inputs @ network.get_parameter("weight").T
        return (wanted - rounded_inputs(plan, inputs) @ weight.T).square().mean(0)


@pytest.mark.parametrize("seed", [1, 3])
def test_adaround_finds_the_best_of_all_roundings(seed):
    network, evidence, inputs = linear_problem(seed)
    plan = Int8(weight_bits=3, refine=AdaRound(iterations=600, batch_size=64, rate=0.1)).plan(network, evidence)
    weight, scale = network.get_parameter("weight").detach(), plan.tensors["weight.scale"][:, None]
    found = errors(plan, network, inputs, plan.tensors["weight.refined"])
    nearest = errors(plan, network, inputs, (weight / scale).round().clamp(-4, 3) * scale)
    floor = (weight / scale).floor()
    every = torch.stack(
        [
            errors(plan, network, inputs, (floor + torch.tensor(up)).clamp(-4, 3) * scale)
            for up in itertools.product((0.0, 1.0), repeat=6)
        ]
    )
    assert every.amin(0).sum() < 0.9 * nearest.sum()
    assert found.sum() < 1.01 * every.amin(0).sum()


@pytest.mark.parametrize("seed", range(3))
def test_learning_that_went_wrong_leaves_nearest_rounding(seed):
    network, evidence, _ = linear_problem(seed, correlated=False)  # so that nearest rounding is best
    wild = Int8(weight_bits=4, refine=AdaRound(iterations=1, rate=1e6)).plan(network, evidence)
    weight, scale = network.get_parameter("weight").detach(), wild.tensors["weight.scale"][:, None]
    assert torch.allclose(wild.tensors["weight.refined"], (weight / scale).round().clamp(-8, 7) * scale)
    assert "to 100% of that of rounding to nearest" in wild.reason


def test_weights_that_are_0_stay_0():
    network, evidence, _ = linear_problem(1)
    with torch.no_grad():
        network.get_parameter("weight")[:, ::2] = 0.0
    (layer,) = layers(Int8(weight_bits=3).on(network, evidence))
    weight = _Soft(layer)
    with torch.no_grad():
        weight.logits.fill_(5.0)  # everything wants to go up
    for hard in (False, True):
        assert (weight.value(hard=hard)[:, ::2] == 0.0).all()
        moved = (weight.value(hard=hard) - layer.weight)[:, 1::2]
        assert (moved > -1e-6).all()
        assert (moved > 1e-3).sum() > 4


class Told:
    def __init__(self):
        self.said = []

    def update(self, text, done, total):
        self.said.append((text, done, total))


def test_it_says_how_far_it_is_and_obeys_a_deadline(network, evidence):
    told = Told()
    step = Int8(weight_bits=3, refine=AdaRound(iterations=2))
    assert step.plan(network, evidence.within(told, None)).complete
    assert told.said[0] == ("AdaRound, relu", 0, 4)
    assert [done for _, done, _ in told.said] == [0, 1, 2, 3]
    late = step.plan(network, evidence.within(told, time.monotonic() - 1.0))
    assert not late.complete
    assert "AdaRound brought the error of 0 segments with 0 weights to 100%" in late.reason
    assert step.apply(network, late).fingerprint() == Int8(weight_bits=3).on(network, evidence).fingerprint()


@pytest.mark.parametrize("how", [AdaRound, BRECQ])
def test_learned_rounding_is_closer_to_the_float_network(network, evidence, how):
    x, _ = pictures(50, 5)
    plain = Int8(weight_bits=3).on(network, evidence)
    step = Int8(weight_bits=3, refine=how(iterations=150))
    plan = step.plan(network, evidence)
    better = step.apply(network, plan)
    assert decibel(network(x), better(x)) > decibel(network(x), plain(x)) + 1.5
    assert f"{how.__name__} brought the error of 4 segments with 4 weights to " in plan.reason
    for name in ("stem.weight", "head.weight"):
        steps = better.get_parameter(name).flatten(1) / better.get_parameter(f"{name}_scale")[:, None]
        assert torch.allclose(steps, steps.round(), atol=1e-4)
        assert (
            steps - plain.get_parameter(name).flatten(1) / better.get_parameter(f"{name}_scale")[:, None]
        ).abs().max() < 1


def test_dropping_rounded_inputs_learns_another_rounding(network, evidence):
    plain, dropped = (
        Int8(weight_bits=3, refine=BRECQ(iterations=60, drop=drop)).plan(network, evidence) for drop in (0.0, 0.5)
    )
    assert not torch.equal(plain.tensors["one.weight.refined"], dropped.tensors["one.weight.refined"])
    x, _ = pictures(50, 5)
    assert decibel(network(x), Int8().apply(network, dropped)(x)) > 10


def test_the_seed_of_the_evidence_decides(network):
    inputs = pictures(64, 0)[0]
    one, two = evidence_of(inputs), evidence_of(inputs)
    two.seed = 1
    step = Int8(weight_bits=3, refine=AdaRound(iterations=20))
    assert step.plan(network, one).fingerprint() == step.plan(network, evidence_of(inputs)).fingerprint()
    assert step.plan(network, one).fingerprint() != step.plan(network, two).fingerprint()


@pytest.mark.parametrize("thing", [AdaRound(penalty=0.1), BRECQ(iterations=7, drop=0.5)])
def test_settings_can_be_stored(thing):
    assert decode(encode(Int8(refine=thing))) == Int8(refine=[thing])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: AdaRound(iterations=0),
            r"AdaRound\(iterations=0\) was given. It is a whole number, 1 or more. Write `quantize.AdaRound",
        ),
        (
            lambda: BRECQ(examples=0),
            r"BRECQ\(examples=0\) was given. It is a whole number, 1 or more. Write `quantize.BRECQ",
        ),
        (
            lambda: AdaRound(rate=0.0),
            r"AdaRound\(rate=0.0\) was given. It is a finite number above 0. Write `quantize.AdaRound",
        ),
        (
            lambda: AdaRound(drop=2),
            r"AdaRound\(drop=2\) was given. It is a share from 0 to 1. Write `quantize.AdaRound\(drop=",
        ),
    ],
)
def test_impossible_settings_are_refused(make, message):
    with pytest.raises(RecipeError, match=message):
        make()


def test_it_needs_data(network):
    from paredown.recipe import Evidence
    from paredown.targets import OnnxRuntime

    with pytest.raises(RecipeError, match="looks at data and was given none"):
        quantize.Int8(refine=AdaRound()).on(network, Evidence.empty(OnnxRuntime().capabilities))
