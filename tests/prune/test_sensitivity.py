"""Curves of the loss and the knapsack over them."""

import pytest

from paredown import prune
from paredown.errors import RecipeError
from paredown.graph.axes import analyse
from paredown.prune.allocation import Ranking
from paredown.prune.sensitivity import _Trial
from paredown.recipe.evidence import Evidence


def kept(step, network, evidence):
    return {name: len(indices) for name, indices in step.plan(network, evidence).decisions["kept"].items()}


def test_what_loses_least_goes_first(network, evidence, monkeypatch):
    def loss(self, network, limit=None):
        stem, one = (network.get_parameter(f"{name}.weight").shape[0] for name in ("stem", "one"))
        return 5.0 + (8 - stem) + max(0, 6 - one)

    monkeypatch.setattr(Evidence, "loss", loss)
    half = prune.Sensitivity(levels=3, least=0.5)
    assert kept(prune.Channels(0.7, allocation=half), network, evidence) == {"one": 6}
    goal = analyse(network).macs({"one": 6}) / analyse(network).macs()
    half = prune.Sensitivity(macs=goal + 1e-6, levels=3, least=0.5)
    assert kept(prune.Channels(allocation=half), network, evidence) == {"one": 6}


def test_the_curve_is_the_rise_of_the_loss(network, evidence):
    axes = analyse(network)
    scores = prune.L2().score(network, axes, axes.free, evidence)
    ranking = Ranking(network, axes, scores, 0.5, dict.fromkeys(scores, 1), evidence)
    found = _Trial(ranking, 1000).curve(axes.group("one"), [3, 6, 9, 12])
    assert list(found) == [3, 6, 9, 12]
    highest = 0.0
    for width in (12, 9, 6, 3):
        small = prune.Channels(width / 12, where=prune.Where(include=("one",))).on(network, evidence)
        highest = max(highest, evidence.loss(small) - evidence.loss(network)) if width < 12 else 0.0
        assert found[width] == pytest.approx(highest, abs=1e-5)


@pytest.mark.parametrize("goal", [0.8, 0.4])
def test_a_goal_in_multiply_accumulates_is_met(network, evidence, goal):
    step = prune.Channels(allocation=prune.Sensitivity(macs=goal))
    axes = analyse(network)
    counts = {name: group.size for name, group in ((g.name, g) for g in axes.free)}
    assert axes.macs(counts | kept(step, network, evidence)) <= goal * axes.macs()


def test_a_share_below_the_smallest_widths_takes_these(network, evidence):
    step = prune.Channels(0.1, allocation=prune.Sensitivity(levels=2, least=0.5))
    assert kept(step, network, evidence) == {"stem": 4, "one": 6}


def test_a_goal_out_of_reach(network, evidence):
    step = prune.Channels(allocation=prune.Sensitivity(macs=0.05, least=0.5))
    with pytest.raises(RecipeError, match=r"Sensitivity\(macs=0.05\) cannot be reached.*Ask for macs=0\.\d\d or more"):
        step.plan(network, evidence)


def test_widths_at_which_the_loss_is_not_finite_are_left_out(network, evidence, monkeypatch):
    def loss(self, network, limit=None):
        width = network.get_parameter("one.weight").shape[0]
        return float("nan") if width < 9 else 1.0 / width

    monkeypatch.setattr(Evidence, "loss", loss)
    step = prune.Channels(0.1, allocation=prune.Sensitivity(levels=3, least=0.5))
    assert kept(step, network, evidence) == {"stem": 4, "one": 9}


def test_the_network_is_left_as_it_is(network, evidence):
    before = network.fingerprint()
    prune.Channels(allocation=prune.Sensitivity(levels=2)).plan(network, evidence)
    assert network.fingerprint() == before


def test_it_needs_data(network):
    with pytest.raises(RecipeError, match="This step looks at data and was given none"):
        prune.Channels(allocation=prune.Sensitivity()).plan(network, Evidence.empty())


@pytest.mark.parametrize("settings", [{"levels": 1}, {"examples": 0}])
def test_settings_out_of_range(settings):
    with pytest.raises(
        RecipeError, match=r"was given. It is .*, [12] or more. Write `prune.Sensitivity\((levels=5|examples=256)"
    ):
        prune.Sensitivity(**settings)
    with pytest.raises(RecipeError, match=r"least=1.5\) was given"):
        prune.Sensitivity(least=1.5)
