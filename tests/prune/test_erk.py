"""Shares by the shapes of the weights."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from paredown import prune
from paredown.errors import RecipeError
from paredown.graph.axes import analyse
from paredown.prune.allocation import Ranking
from paredown.prune.erk import _shares
from paredown.recipe.evidence import Evidence
from paredown.testing.zoo import captured

LAYERS = st.lists(st.tuples(st.floats(0.001, 1.0), st.integers(1, 512)), min_size=1, max_size=6)


def ranking(network, keep):
    axes = analyse(network)
    scores = {group.name: torch.arange(float(group.size)) for group in axes.free}
    return Ranking(network, axes, scores, keep, dict.fromkeys(scores, 1), Evidence.empty())


@given(LAYERS, st.floats(0.01, 1.0))
def test_shares_are_in_proportion_none_above_one_and_meet_the_goal(layers, part):
    density = {str(place): value for place, (value, _) in enumerate(layers)}
    sizes = {str(place): size for place, (_, size) in enumerate(layers)}
    shares = _shares(density, sizes, part)
    assert sum(shares[name] * sizes[name] for name in sizes) == pytest.approx(part * sum(sizes.values()))
    assert all(0 <= value <= 1 + 1e-9 for value in shares.values())
    factors = {shares[name] / density[name] for name in shares if shares[name] < 1 - 1e-9}
    assert max(factors, default=0.0) == pytest.approx(min(factors, default=0.0))
    whole = [density[name] for name in shares if shares[name] >= 1 - 1e-9]
    assert all(value >= max((density[n] for n in shares if shares[n] < 1 - 1e-9), default=0) for value in whole)


def test_the_shares_of_a_network_by_hand(network):
    # Weights of the stem's group: [8, 3, 3, 3], [12, 8, 3, 3], [8, 12, 3, 3], [4, 8]; of the other: the middle two.
    middle = (12 + 8 + 3 + 3) / (12 * 8 * 9)
    stem = math.sqrt(((8 + 9) / (8 * 27) + 2 * middle + 12 / 32) / 4)
    one = math.sqrt(middle)
    for keep in (0.2, 0.5):
        factor = keep * 20 / (8 * stem + 12 * one)
        assert factor * stem < 1
        expected = {"stem": round(factor * stem * 8), "one": round(factor * one * 12)}
        assert prune.ERK().counts(ranking(network, keep)) == expected
    assert 0.8 * 20 / (8 * stem + 12 * one) * stem > 1  # the stem stays whole, and the rest is for the other
    assert prune.ERK().counts(ranking(network, 0.8)) == {"stem": 8, "one": 8}


def test_keeping_everything(network):
    assert prune.ERK().counts(ranking(network, 1.0)) == {"stem": 8, "one": 12}


def test_large_layers_are_cut_more():
    network = captured("PaddedResidual")
    given = ranking(network, 0.5)
    counts = prune.ERK().counts(given)
    shares = [counts[f"layers.{block}.one.0"] / width for block, width in ((0, 8), (2, 16), (4, 32))]
    assert shares[0] > shares[1] > shares[2]


@pytest.mark.parametrize("goal", [0.6, 0.3])
def test_a_goal_in_multiply_accumulates(goal):
    given = ranking(captured("PaddedResidual"), 1.0)
    share = given.axes.macs(prune.ERK(macs=goal).counts(given)) / given.axes.macs()
    assert goal - 0.1 < share <= goal


def test_the_goal_is_a_share():
    with pytest.raises(RecipeError, match=r"macs=0.0\) was given. It is the share that stays"):
        prune.ERK(macs=0.0)
