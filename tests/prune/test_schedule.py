"""Schedules as plain steps of a recipe."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paredown import Train, prune
from paredown.errors import RecipeError
from paredown.recipe.run import run

SHARES = st.floats(0.05, 1.0)
ROUNDS = st.integers(1, 8)


def left(steps):
    """What is left of the network after every round."""
    product, shares = 1.0, []
    for step in steps[::2]:
        product *= step.keep if step.allocation.goal is None else step.allocation.goal
        shares.append(product)
    return shares


@given(SHARES, ROUNDS)
def test_iterative_keeps_the_same_share_every_round(keep, rounds):
    steps = prune.iterative(prune.Channels(keep), Train(), rounds)
    assert {round(step.keep, 9) for step in steps[::2]} == {round(keep ** (1 / rounds), 9)}
    assert left(steps)[-1] == pytest.approx(keep)


@given(SHARES, ROUNDS)
def test_gradual_is_cubic_in_what_has_gone(keep, rounds):
    steps = prune.gradual(prune.Channels(keep), Train(), rounds)
    for number, share in enumerate(left(steps), 1):
        gone = (1 - keep) * (1 - (1 - number / rounds) ** 3)  # equation 1, from nothing gone
        assert 1 - share == pytest.approx(gone, abs=1e-9)


@pytest.mark.parametrize("schedule", [prune.iterative, prune.gradual])
@pytest.mark.parametrize("allocation", [prune.Global, prune.Uniform, prune.Isomorphic, prune.ERK, prune.Sensitivity])
def test_the_goal_of_an_allocation_is_what_is_scheduled(schedule, allocation):
    cut = prune.Channels(importance=prune.Taylor(), allocation=allocation(macs=0.3))
    steps = schedule(cut, Train(), rounds=4)
    assert left(steps)[-1] == pytest.approx(0.3)
    assert all(isinstance(step.allocation, allocation) and step.keep == cut.keep for step in steps[::2])
    assert all(step.importance == prune.Taylor() for step in steps[::2])


def test_a_training_follows_every_cut_with_a_seed_of_its_own():
    steps = prune.gradual(prune.Channels(0.5), Train(epochs=2, seed=7), rounds=3)
    assert [step.seed for step in steps[1::2]] == [7, 8, 9]
    assert {step.epochs for step in steps[1::2]} == {2}


@pytest.mark.parametrize("schedule", [prune.iterative, prune.gradual])
def test_the_steps_are_a_recipe(schedule, network, evidence):
    steps = schedule(prune.Channels(0.5), Train(epochs=0.25), rounds=2)
    outcome = run(network, steps, evidence)
    shapes = [tuple(outcome.network.get_parameter(f"{name}.weight").shape[:2]) for name in ("stem", "one")]
    assert shapes == [(4, 3), (6, 4)]
    assert len(outcome.steps) == 4


@pytest.mark.parametrize("schedule", [prune.iterative, prune.gradual])
def test_there_is_a_round(schedule):
    with pytest.raises(
        RecipeError, match=rf"{schedule.__name__}\(rounds=0\) was given; a schedule has one round or more"
    ):
        schedule(prune.Channels(), Train(), rounds=0)


def test_one_round_is_the_cut_itself():
    cut = prune.Channels(0.3)
    assert prune.iterative(cut, Train(), rounds=1) == prune.gradual(cut, Train(), rounds=1) == (cut, Train())
    assert math.isclose(cut.keep, 0.3)
