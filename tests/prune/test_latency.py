"""The latency-aware allocation: the goal is met as measured, stairs are used, and what cannot be is said."""

import dataclasses
import functools
import math

import pytest
import torch
from torch import nn

import paredown
from paredown import prune, targets
from paredown.errors import RecipeError
from paredown.graph import cost
from paredown.graph.axes import analyse
from paredown.graph.capabilities import Capabilities
from paredown.recipe.evidence import Evidence


@functools.cache
def wide():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        body = [nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.Conv2d(64, 32, 3), nn.ReLU()]
        model = nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 4))
        return paredown.capture(model.eval(), torch.randn(2, 3, 18, 18))


class Even:
    """A runtime that takes a while whatever it does, and then as long as there are multiplications."""

    def __init__(self, fixed=0.0):
        self.fixed = fixed
        self.asked = 0

    def __call__(self, networks, inputs):
        assert len(networks) == len(inputs)
        self.asked += len(networks)
        return tuple(self.fixed + sum(map(self.layer, cost.costs(network))) for network in networks)

    @staticmethod
    def layer(one):
        return 1e-6 * one.macs if "conv2d" in one.operator else 0.0


class Blocks(Even):
    """Times of a convolution with both of its widths rounded up to eight."""

    def __call__(self, networks, inputs):
        self.asked += len(networks)
        return tuple(self.fixed + sum(map(self._node, _convolutions(network))) for network in networks)

    @staticmethod
    def _node(weight):
        return math.prod(8 * math.ceil(width / 8) for width in weight.shape[:2]) * 1e-3


def _convolutions(network):
    return [tensor for name, tensor in network.state_dict().items() if tensor.ndim == 4]


def plan(network, step, stopwatch, multiple=1):
    return step.plan(network, Evidence.empty(Capabilities("fake", channel_multiple=multiple)).timed(stopwatch))


def latency(network, stopwatch):
    return stopwatch([network], [[tensor[:1] for tensor in network.example]])[0]


@pytest.mark.parametrize("share", [0.75, 0.5, 0.3])
def test_the_cut_network_takes_the_share_as_measured(share):
    network, watch = wide(), Even()
    step = prune.Channels(allocation=prune.Latency(share, levels=7), importance=prune.Random())
    small = step.apply(network, plan(network, step, watch))
    assert latency(small, watch) / latency(network, watch) <= share * 1.02
    assert latency(small, watch) / latency(network, watch) > share * 0.8


def test_what_does_not_shrink_is_reckoned_with():
    network = wide()
    fixed = latency(network, Even())
    watch = Even(fixed)  # half of the time is spent on something else
    step = prune.Channels(allocation=prune.Latency(0.75, levels=9), importance=prune.Random())
    small = step.apply(network, plan(network, step, watch))
    assert latency(small, watch) / latency(network, watch) == pytest.approx(0.75, abs=0.06)
    impossible = prune.Channels(allocation=prune.Latency(0.4), importance=prune.Random())
    with pytest.raises(RecipeError, match=r"Latency\(share=0\.4\) cannot be reached: .* takes\s+0\.\d+ of its time"):
        plan(network, impossible, watch)


def test_widths_go_down_a_whole_stair_or_stay():
    network, watch = wide(), Blocks()
    step = prune.Channels(allocation=prune.Latency(0.6, levels=16), importance=prune.Random())
    small = step.apply(network, plan(network, step, watch, multiple=4))
    assert latency(small, watch) / latency(network, watch) <= 0.62
    for weight, before in zip(_convolutions(small), _convolutions(network), strict=True):
        assert weight.shape[0] == before.shape[0] or weight.shape[0] % 8 == 0


def test_counts_are_multiples_that_the_kernels_want():
    network = wide()
    step = prune.Channels(allocation=prune.Latency(0.5), importance=prune.Random())
    found = plan(network, step, Even(), multiple=4).decisions["kept"]
    assert found
    assert all(torch.tensor(indices).shape[-1] % 4 == 0 for indices in found.values())


@dataclasses.dataclass(frozen=True)
class Dear(prune.Importance):
    """Every index matters alike, but those of one group a hundred times as much."""

    name: str = ""

    def score(self, network, axes, groups, evidence):
        return {group.name: torch.full((group.size,), 100.0 if group.name == self.name else 1.0) for group in groups}


def test_what_matters_stays():
    network = wide()
    free = [group.name for group in analyse(network).free]
    step = prune.Channels(allocation=prune.Latency(0.8, levels=5))
    for name in free:
        kept = plan(network, dataclasses.replace(step, importance=Dear(name)), Even()).decisions["kept"]
        assert kept
        assert name not in kept


def test_a_real_runtime_gets_faster():
    network = wide()
    target = targets.OnnxRuntime()
    watch = targets.Stopwatch(target, block_s=0.002)
    evidence = Evidence.empty(target.capabilities).timed(watch)
    step = prune.Channels(allocation=prune.Latency(0.9, levels=3), importance=prune.Random())
    small = step.apply(network, step.plan(network, evidence))
    assert cost.total(small).macs < cost.total(network).macs


def test_without_a_stopwatch(network):
    step = prune.Channels(allocation=prune.Latency(0.5), importance=prune.Random())
    with pytest.raises(RecipeError, match=r"no target was given\. Pass .*Stopwatch"):
        step.plan(network, Evidence.empty())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: prune.Latency(0.0), r"share=0\.0\) was given"),
        (lambda: prune.Latency(1.5), r"share=1\.5\) was given"),
        (lambda: prune.Latency(least=0.0), r"least=0\.0\) was given"),
        (lambda: prune.Latency(levels=1), r"Latency\(levels=1\) was given. It is how many widths .* 2 or more"),
    ],
)
def test_settings_out_of_range(make, words):
    with pytest.raises(RecipeError, match=words):
        make()


def test_the_goal_can_be_moved():
    assert prune.Latency(0.5).goal == 0.5
    assert prune.Latency(0.5, levels=4).toward(0.7) == prune.Latency(0.7, levels=4)


def test_planning_draws_nothing_from_the_generator_of_the_process():
    before = torch.get_rng_state()
    plan(wide(), prune.Channels(allocation=prune.Latency(0.6, levels=3), importance=prune.Random()), Even())
    assert torch.equal(torch.get_rng_state(), before)
