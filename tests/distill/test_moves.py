"""Moves of distillation: ingredients of the trainings that are there."""

import pytest
import torch
from torch import nn

from paredown import capture
from paredown.architecture import Slim
from paredown.distill import AT, RKD, Features, Logits
from paredown.distill.moves import FEATURES, LOGITS, NO_TEACHER
from paredown.prune import Channels
from paredown.recipe import Evidence, Train, run
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


def test_every_training_is_taught(at):
    cut = Channels(keep=0.5)
    assert LOGITS.add(at.at((Train(), cut, Train(epochs=2.0))), {}) == (
        Train(using=[Logits()]), cut, Train(epochs=2.0, using=[Logits()]),
    )  # fmt: skip
    assert Picks.of(TRAIN, LOGITS).control().recipe(at) == Picks.of(TRAIN, NO_TEACHER).recipe(at) == (Train(),)
    assert LOGITS.add(at.at((Train(),)), {"temperature": 2.0}) == (Train(using=[Logits(temperature=2.0)]),)


def test_taps_are_those_that_the_network_still_has_after_earlier_cuts(at):
    here = at.at((Train(),))
    settings = FEATURES.offer(here).settings
    assert settings["at"].values == (("block",), ("stem", "block"))
    shallow = Slim(macs=0.5, width=None, evaluations=4, examples=16)
    both = Picks((Pick(TRAIN), Pick(FEATURES, {"at": ("stem", "block"), "loss": RKD()})))
    assert both.recipe(at) == (Train(using=[Features(at=("stem", "block"), loss=RKD())]),)
    after = FEATURES.add(at.at((shallow, Train())), {"at": ("stem", "block")})
    assert after == (shallow, Train(using=[Features(at=("stem",), loss=AT())]))
    assert FEATURES.offer(at.at((shallow, Train()))).settings["at"].values == (("stem",),)


def test_what_is_proposed_trains(at):
    steps = FEATURES.add(at.at((Channels(keep=0.5), Train(epochs=0.2))), {"at": ("stem", "block")})
    found = run.run(at.original, steps, at.evidence, original=at.original)
    assert found.steps[1].history


def test_networks_without_values_inside_are_refused():
    vectors = capture(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), torch.zeros(2, 3))
    here = Situation(vectors, Evidence.empty()).at((Train(),))
    assert FEATURES.offer(here).reason == "No module gives a value with places that both networks have."
