"""Moves of pruning: what they offer on a network, and how they come into recipes."""

import pytest
import torch
from torch import nn

from paredown import capture
from paredown.distill import Logits
from paredown.distill.moves import LOGITS
from paredown.errors import RecipeError
from paredown.graph.capabilities import Capabilities
from paredown.prune import L2, Blocks, Channels, Fisher, Global, Latency, Random, Taylor, Uniform
from paredown.prune.moves import BLOCKS, CHANNELS, LATENCY, RANDOM, ROUNDS, STUDENT
from paredown.recipe import Evidence, Train
from paredown.recipe.move import Refusal
from paredown.recipe.picks import Pick, Picks
from paredown.recipe.situation import Situation
from paredown.recipe.training import TRAIN
from paredown.testing.bench import small_bench


@pytest.fixture(scope="module")
def bench():
    return small_bench()


@pytest.fixture
def at(bench):
    return Situation(bench.network, bench.evidence())


def test_the_smallest_share_that_is_offered_can_be_reached(at):
    for move in (CHANNELS, STUDENT, RANDOM):
        dial = move.offer(at).settings["macs"]
        (step,) = move.add(at, {"macs": dial.least})
        step.plan(at.network, at.evidence)
    least = CHANNELS.offer(at).settings["macs"].least
    with pytest.raises(RecipeError, match="cannot be reached"):
        Channels(allocation=Global(macs=least / 4)).plan(at.network, at.evidence)


def test_criteria_and_allocations_are_settings_of_one_step(at):
    assert CHANNELS.offer(at).settings["importance"].values == (L2(), Taylor())
    assert Picks((Pick(CHANNELS, {"macs": 0.4, "importance": Taylor()}), Pick(RANDOM, {"macs": 0.6}))).recipe(at) == (
        Channels(importance=Taylor(), allocation=Global(macs=0.4)),
        Channels(importance=Random(seed=0), allocation=Global(macs=0.6)),
    )
    assert STUDENT.add(at, {"macs": 0.3}) == (Channels(allocation=Uniform(macs=0.3)),)
    assert LATENCY.add(at, {"share": 0.3, "importance": Fisher()}) == (
        Channels(importance=Fisher(), allocation=Latency(share=0.3)),
    )


def test_latency_has_to_be_measured(bench):
    untimed = Situation(bench.network, Evidence.of(bench.task, bench.capabilities))
    assert "there is no stopwatch" in LATENCY.offer(untimed).reason


def test_a_share_of_the_blocks_stays(at):
    assert BLOCKS.offer(at).settings["keep"].values == (0.5,)
    assert BLOCKS.add(at, {"keep": 0.5}) == (Blocks(keep=0.5),)
    (step,) = BLOCKS.add(at, BLOCKS.offer(at).defaults)
    assert len(step.plan(at.network, at.evidence).decisions["dropped"]) == 1
    without = at.at((step,))
    assert BLOCKS.offer(without) == Refusal("This network has no residual block that could be left out.")


def test_rounds_wrap_a_cut_and_its_training_with_all_that_is_in_it(at):
    picks = Picks(
        (Pick(CHANNELS, {"macs": 0.25}), Pick(TRAIN, {"epochs": 6.0}), Pick(LOGITS), Pick(ROUNDS, {"rounds": 2}))
    )
    cut = Channels(importance=L2(), allocation=Global(macs=0.5))
    assert picks.recipe(at) == (
        cut, Train(epochs=3.0, seed=1, using=[Logits()]), cut, Train(epochs=3.0, seed=2, using=[Logits()]),
    )  # fmt: skip
    assert "there is no such pair" in ROUNDS.offer(at.at((Train(), cut))).reason
    assert ROUNDS.add(at.at((cut,)), {}) == (cut,)
    assert picks.shape() == Picks((Pick(CHANNELS, {"macs": 0.25}),))


def test_a_network_that_nothing_can_be_cut_from_is_refused_with_the_reason():
    linear = capture(nn.Linear(3, 2), torch.zeros(2, 3))
    reason = CHANNELS.offer(Situation(linear, Evidence.empty(Capabilities("Plain")))).reason
    assert reason.startswith("No group of channels of this network can be cut")
    assert "output" in reason
