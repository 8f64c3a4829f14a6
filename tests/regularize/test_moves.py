"""Moves of regularization: ingredients, whose strength may have been fitted on this network."""

import dataclasses

import pytest

from paredown.recipe import Train
from paredown.recipe.picks import Picks
from paredown.recipe.situation import Situation
from paredown.recipe.training import TRAIN
from paredown.regularize import EMA, Dropout, Mixup, fit_strength
from paredown.regularize.moves import AVERAGED, DROPOUT, MIXUP, SMOOTHING
from paredown.testing.bench import small_bench


@pytest.fixture(scope="module")
def bench():
    return small_bench()


def test_ingredients_come_in_the_order_of_the_moves(bench):
    at = Situation(bench.network, bench.evidence())
    assert Picks.of(TRAIN, MIXUP, AVERAGED).recipe(at) == (Train(using=[Mixup(), EMA()]),)


def test_a_strength_that_was_fitted_here_is_the_default(bench):
    at = Situation(bench.network, bench.evidence()).at((Train(),))
    assert DROPOUT.offer(at).settings["probability"].values == (0.1, 0.05, 0.2)
    train = Train(epochs=0.5, early=None)
    found = fit_strength(Dropout(), "probability", [0.02], bench.network, bench.evidence(), train=train)
    learned = at.knowing(dataclasses.replace(found, ingredient=Dropout(probability=0.02)))
    assert DROPOUT.offer(learned).settings["probability"].values == (0.02, 0.05, 0.1, 0.2)
    assert DROPOUT.add(learned, {}) == (Train(using=[Dropout(probability=0.02)]),)
    assert DROPOUT.add(learned, {"probability": 0.2}) == (Train(using=[Dropout(probability=0.2)]),)
    assert SMOOTHING.offer(learned).settings["epsilon"].default == 0.1  # of another ingredient
