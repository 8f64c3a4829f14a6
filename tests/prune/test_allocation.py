"""How much of which group: shares, goals, multiples, and goals that cannot be reached."""

import pytest
import torch

from paredown import prune
from paredown.errors import RecipeError
from paredown.graph import cost
from paredown.graph.axes import analyse
from paredown.graph.capabilities import Capabilities
from paredown.graph.cut import cut
from paredown.prune.allocation import Ranking
from paredown.recipe.evidence import Evidence
from paredown.testing.zoo import captured


def kept(step, network, evidence=None):
    plan = step.plan(network, evidence or Evidence.empty())
    rows = {name: torch.tensor(indices) for name, indices in plan.decisions["kept"].items()}  # [kept] or [outer, kept]
    return {name: indices.shape[-1] for name, indices in rows.items()}


def test_uniform_keeps_the_share_of_every_group(network):
    assert kept(prune.Channels(0.5), network) == {"stem": 4, "one": 6}
    assert kept(prune.Channels(0.25), network) == {"stem": 2, "one": 3}


def test_at_least_one_index_stays(network):
    assert kept(prune.Channels(0.01), network) == {"stem": 1, "one": 1}


def test_keeping_everything_cuts_nothing(network):
    assert kept(prune.Channels(1.0), network) == {}


def share_of(network, step):
    return cost.total(step.on(network)).macs / cost.total(network).macs


def test_a_goal_in_multiply_accumulates_is_met_and_not_overshot():
    network = captured("PaddedResidual")
    share = share_of(network, prune.Channels(allocation=prune.Global(macs=0.5), importance=prune.Random()))
    assert 0.45 < share <= 0.5


@pytest.mark.parametrize("goal", [0.5, 0.3])
def test_a_uniform_goal_takes_the_widest_network_that_meets_it(goal):
    network = captured("PaddedResidual")
    sizes = {name: analyse(network).group(name).size for name in kept(prune.Channels(0.001), network)}

    def widths(share):
        return {name: min(size, max(1, round(share * size))) for name, size in sizes.items()}

    def macs(counts):
        small = cut(network, {name: torch.arange(count) for name, count in counts.items() if count < sizes[name]})
        return cost.total(small).macs / cost.total(network).macs

    found = sizes | kept(prune.Channels(allocation=prune.Uniform(macs=goal)), network)
    ever_wider = [widths(step / 1000) for step in range(1, 1001)]
    wider = next(counts for counts in ever_wider[ever_wider.index(found) :] if counts != found)
    assert macs(found) <= goal < macs(wider)


def ranking(network, importance, keep):
    return Ranking(network, analyse(network), importance, keep, dict.fromkeys(importance, 1), Evidence.empty())


def test_global_takes_the_least_important_wherever_they_are(network):
    importance = {"stem": torch.arange(8.0) + 100, "one": torch.arange(12.0)}
    counts = prune.Global().counts(ranking(network, importance, 0.6))
    assert counts == {"stem": 8, "one": 4}  # 8 of 20 go, all from the unimportant group


def test_global_leaves_every_group_its_least(network):
    importance = {"stem": torch.arange(8.0) + 100, "one": torch.arange(12.0)}
    counts = prune.Global(least=0.25).counts(ranking(network, importance, 0.3))
    assert counts == {"stem": 6, "one": 3}


def test_a_goal_below_what_may_go_says_what_can_be_reached(network):
    with pytest.raises(
        RecipeError, match=r"Global\(macs=0.01\) cannot be reached.* of the multiply-accumulates are left"
    ):
        prune.Channels(allocation=prune.Global(macs=0.01, least=0.5)).plan(network, Evidence.empty())
    with pytest.raises(RecipeError, match=r"Uniform\(macs=0.001\) cannot be reached"):
        prune.Channels(allocation=prune.Uniform(macs=0.001)).plan(network, Evidence.empty())


@pytest.mark.parametrize("share", [0.0, -0.5, 1.5])
def test_shares_lie_between_0_and_1(share):
    for make in (
        lambda: prune.Channels(keep=share),
        lambda: prune.Uniform(macs=share),
        lambda: prune.Global(macs=share),
        lambda: prune.Global(least=share),
    ):
        with pytest.raises(
            RecipeError, match=rf"={share}\) was given. It is the share that stays, above 0 and at most 1"
        ):
            make()


def test_a_multiple_is_at_least_1():
    with pytest.raises(
        RecipeError, match=r"round_to=0\) was given. .* counts are multiples of, 1 or more. Write `round_to=8`"
    ):
        prune.Channels(round_to=0)


def test_counts_are_rounded_to_multiples(network):
    assert kept(prune.Channels(0.4, round_to=4), network) == {"stem": 4, "one": 4}
    assert kept(prune.Channels(0.4, round_to=8), network) == {"one": 8}  # the stem has 8, and 8 stay


def test_the_target_says_which_multiples_it_wants(network):
    evidence = Evidence.empty(Capabilities("wide", channel_multiple=4))
    assert kept(prune.Channels(0.4), network, evidence) == {"stem": 4, "one": 4}
    assert kept(prune.Channels(0.4, round_to=1), network, evidence) == {"stem": 3, "one": 5}


def test_heads_are_whole_channels_already():
    counts = kept(prune.Channels(0.5, round_to=4), captured("VisionTransformer"))
    assert counts["layers.0.attention.qkv[heads]"] == 2  # of 4 channels each
    assert counts["layers.0.attention.qkv[head_dim]"] == 2  # of 12 channels each
