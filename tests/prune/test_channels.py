"""Channels as a transform: plans, statistics, replay."""

import json

import pytest
import torch

from paredown import prune
from paredown.errors import FrozenError, InputError, RecipeError
from paredown.recipe.evidence import Evidence
from paredown.recipe.plan import Plan
from paredown.testing.zoo import captured


def test_plan_touches_nothing_and_apply_needs_no_data(network, evidence):
    before = network.fingerprint()
    step = prune.Channels(0.5, prune.Taylor())
    plan = step.plan(network, evidence)
    child = step.apply(network, plan)
    assert network.fingerprint() == before
    assert child.get_parameter("one.weight").shape == (6, 4, 3, 3)
    assert child(torch.randn(3, 3, 6, 6)).shape == (3, 4)


def test_the_least_important_go(network):
    with torch.no_grad():
        planted = network.copy()
        planted.get_parameter("one.weight")[[2, 7]] *= 1e-3
        planted.get_parameter("two.weight")[:, [2, 7]] *= 1e-3
    plan = prune.Channels(10 / 12, where=prune.Where(include=("one",))).plan(planted, Evidence.empty())
    assert plan.decisions["kept"] == {"one": [0, 1, 3, 4, 5, 6, 8, 9, 10, 11]}


def test_a_plan_without_data_has_no_statistics(network):
    plan = prune.Channels().plan(network, Evidence.empty())
    assert not plan.tensors
    assert "50.0%" not in plan.reason
    assert plan.reason.startswith("L2 importance, Uniform allocation: 10 of 20 indices stay in 2 groups (2 cut)")


def test_a_plan_with_data_re_estimates_the_statistics(network, evidence):
    step = prune.Channels(0.5)
    plan = step.plan(network, evidence)
    assert sorted(plan.tensors) == ["norm.running_mean", "norm.running_var", "norm1.running_mean", "norm1.running_var"]
    child = step.apply(network, plan)
    inputs = torch.cat([batch[0] for batch in evidence.calibration()])
    stem = torch.nn.functional.conv2d(inputs, child.get_parameter("stem.weight"), padding=1)
    torch.testing.assert_close(child.get_buffer("norm.running_mean"), stem.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
    # The mean over batches of the variance within each.
    within = torch.stack([part.var((0, 2, 3)) for part in stem.split(16)]).mean(0)
    torch.testing.assert_close(child.get_buffer("norm.running_var"), within, rtol=1e-4, atol=1e-5)


def test_reestimate_alone(network, evidence):
    step = prune.Reestimate(examples=32)
    before = network.fingerprint()
    plan = step.plan(network, evidence)
    child = step.apply(network, plan)
    assert network.fingerprint() == before
    assert "Statistics of 2 batch norms" in plan.reason
    assert torch.equal(child.get_buffer("norm1.running_var"), plan.tensors["norm1.running_var"])
    assert not torch.equal(child.get_buffer("norm1.running_var"), network.get_buffer("norm1.running_var"))


def test_a_plan_replays_from_json_and_its_tensors(network, evidence):
    step = prune.Channels(0.5, prune.Taylor(), prune.Global(macs=0.5))
    plan = step.plan(network, evidence)
    stored = json.loads(json.dumps(plan.to_json()))
    replay = Plan(stored["technique"], stored["reason"], stored["decisions"], dict(plan.tensors))
    assert replay.fingerprint() == plan.fingerprint()
    assert step.apply(network, replay).fingerprint() == step.apply(network, plan).fingerprint()


def test_a_plan_for_another_network(network):
    plan = prune.Channels().plan(captured("UNet"), Evidence.empty())
    with pytest.raises(InputError, match=r"There is no group 'one\.0' in this network"):
        prune.Channels().apply(network, plan)


@pytest.mark.parametrize("name", ["Shuffle", "Dense", "Recurrent", "Text", "GroupedQueries"])
def test_one_line_prunes_any_network(name):
    network = captured(name)
    child = prune.Channels(keep=0.5).on(network)
    assert sum(p.numel() for p in child.parameters()) < 0.6 * sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("keep", [0.0, -0.1, 1.01, float("nan")])
def test_the_share_is_between_0_and_1(keep):
    with pytest.raises(
        RecipeError, match=rf"keep={keep}\) was given. It is the share that stays, above 0 and at most 1"
    ):
        prune.Channels(keep)


def test_no_group_vanishes(network):
    counts = {
        name: len(kept) for name, kept in prune.Channels(1e-6).plan(network, Evidence.empty()).decisions["kept"].items()
    }
    assert counts == {"stem": 1, "one": 1}
    emptied = Plan("prune.Channels", "a plan of another hand", {"kept": {"one": []}})
    with pytest.raises(InputError, match=r"Group 'one' was given no index to keep.*a group cannot vanish"):
        prune.Channels().apply(network, emptied)


def test_a_plan_that_cuts_a_frozen_group_names_it_and_its_operator(network):
    plan = Plan("prune.Channels", "a plan of another hand", {"kept": {"head": [0, 1]}})
    with pytest.raises(
        FrozenError, match=r"Group 'head' \(4 indices\) cannot be cut: it is held by output \(node output"
    ):
        prune.Channels().apply(network, plan)


def test_an_importance_that_is_not_finite(network):
    broken = network.copy()
    with torch.no_grad():
        broken.get_parameter("one.weight")[2, 0, 0, 0] = float("nan")
    with pytest.raises(
        RecipeError, match=r"L2 importance is not finite for \d+ of \d+ indices of group '\w+'.*task\.check"
    ):
        prune.Channels().plan(broken, Evidence.empty())
