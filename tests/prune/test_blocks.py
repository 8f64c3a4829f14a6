"""Whole residual blocks: which go, and what is left."""

import pytest
import torch
import torch.nn.functional as F

import paredown
from paredown import prune
from paredown.errors import InputError, RecipeError
from paredown.graph.residual import blocks
from paredown.prune.blocks import _Trial
from paredown.recipe.evidence import Evidence
from paredown.recipe.plan import Plan
from paredown.testing.blocks import PaddedResidual, with_statistics
from paredown.testing.zoo import captured

NAMES = ["layers.0", "layers.1", "layers.3", "layers.5"]


def model():
    """Its second block adds nothing but zeros."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = with_statistics(PaddedResidual())
        for tensor in (net.layers[1].norm.weight, net.layers[1].norm.bias):
            tensor.data.zero_()
        return net


@pytest.fixture(scope="module")
def pictures():
    return torch.randn(48, 3, 16, 16, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def network(pictures):
    return paredown.capture(model(), pictures[:2])


@pytest.fixture(scope="module")
def evidence(network, pictures):
    # Statistics of these very pictures, and labels that this network gives: no other one can do better.
    unlabelled = pictures, torch.zeros(48, dtype=torch.long)
    plain = paredown.Data(unlabelled, calibrate=unlabelled, select=unlabelled, judge=unlabelled, batch_size=24)
    task = paredown.Task(model(), data=plain, loss=F.cross_entropy, score=paredown.scores.accuracy)
    fitted = prune.Reestimate().on(network, Evidence.of(task))
    split = pictures, fitted(pictures).softmax(1).detach()
    data = paredown.Data(split, calibrate=split, select=split, judge=split, batch_size=24)
    return Evidence.of(paredown.Task(model(), data=data, loss=F.cross_entropy, score=paredown.scores.accuracy))


def dropped(step, network, evidence):
    return [block["name"] for block in step.plan(network, evidence).decisions["dropped"]]


def test_what_adds_nothing_goes_first(network, evidence):
    before = network.fingerprint()
    step = prune.Blocks(keep=0.75)
    plan = step.plan(network, evidence)
    assert [block["name"] for block in plan.decisions["dropped"]] == ["layers.1"]
    assert plan.reason == "1 of 4 residual blocks go, by the loss without them: layers.1."
    small = step.apply(network, plan)
    assert network.fingerprint() == before
    assert not any(name.startswith("layers.1.") for name in small.state_dict())
    fitted = prune.Reestimate().on(network, evidence)
    x = torch.randn(5, 3, 16, 16)
    torch.testing.assert_close(small(x), fitted(x), rtol=1e-4, atol=1e-4)


def test_the_next_is_found_without_those_that_went(network, evidence):
    step = prune.Blocks(keep=0.5)
    first, second = dropped(step, network, evidence)
    assert first == "layers.1"
    known = {block.name: block for block in blocks(network)}
    trial = _Trial(network, evidence, 256)
    losses = {name: trial.loss([known[first], known[name]]) for name in NAMES if name != first}
    assert second == min(losses, key=losses.__getitem__)


def test_where_says_which_may_go(network, evidence):
    included = prune.Blocks(0.5, prune.Where(include=("layers.3", "layers.5")))
    assert dropped(included, network, evidence)[0] in {"layers.3", "layers.5"}
    excluded = prune.Blocks(0.75, prune.Where(exclude=("layers.1", "*.5")))
    assert dropped(excluded, network, evidence)[0] in {"layers.0", "layers.3"}


def test_all_stay_where_all_are_kept(network, evidence):
    plan = prune.Blocks(keep=1.0).plan(network, evidence)
    assert plan.decisions["dropped"] == []
    assert plan.complete
    x = torch.randn(3, 3, 16, 16)
    assert torch.equal(prune.Blocks(keep=1.0).apply(network, plan)(x), network(x))


def test_it_ends_when_time_is_over(network, evidence):
    plan = prune.Blocks(keep=0.1).plan(network, evidence.within(evidence.progress, deadline=0.0))
    assert [block["name"] for block in plan.decisions["dropped"]] == ["layers.1"]
    assert not plan.complete


def test_a_network_without_blocks(evidence):
    with pytest.raises(RecipeError, match=r"no residual block that can be left out.*Use prune\.Channels\(\)"):
        prune.Blocks().plan(captured("Dense"), evidence)


def test_patterns_that_meet_no_block(network, evidence):
    with pytest.raises(
        RecipeError, match=r"No residual block of this network meets the pattern 'layer\.1'.*'layers\.1'"
    ):
        prune.Blocks(where=prune.Where(include=("layer.1",))).plan(network, evidence)


def test_everything_excluded(network, evidence):
    with pytest.raises(
        RecipeError, match=r"leaves no residual block. Exclude less: there are 'layers\.0', 'layers\.1'"
    ):
        prune.Blocks(where=prune.Where(exclude=("layers",))).plan(network, evidence)


def test_it_needs_data(network):
    with pytest.raises(RecipeError, match="This step looks at data and was given none"):
        prune.Blocks().on(network)


@pytest.mark.parametrize("keep", [0.0, 1.5, -1.0])
def test_the_share_is_between_0_and_1(keep):
    with pytest.raises(RecipeError, match=rf"keep={keep}\) was given. It is the share that stays"):
        prune.Blocks(keep)


def test_one_example_at_least():
    with pytest.raises(RecipeError, match=r"Blocks\(examples=0\) was given.*Write `prune.Blocks\(examples=256\)`"):
        prune.Blocks(examples=0)


def test_a_plan_for_another_network():
    plan = Plan("prune.Blocks", "a plan of another hand", {"dropped": [{"name": "x", "node": "nothing", "skip": 0}]})
    with pytest.raises(InputError, match=r"There is no block 'x' \(node 'nothing'\) in this network"):
        prune.Blocks().apply(captured("PaddedResidual"), plan)
