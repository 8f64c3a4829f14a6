"""Schedules of sparse weights as plain steps of a recipe."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from paredown import Train, prune, regularize
from paredown.recipe import AdamW
from paredown.recipe.run import run

SCHEDULES = [prune.gradual, prune.iterative]
SPARSITY, ROUNDS = st.floats(0.05, 0.95), st.integers(1, 8)


@given(SPARSITY, ROUNDS)
def test_gradual_is_cubic(sparsity, rounds):
    steps = prune.gradual(prune.Weights(prune.Unstructured(sparsity)), Train(), rounds)
    for number, step in enumerate(steps[::2], 1):
        cubic = sparsity + (0.0 - sparsity) * (1.0 - number / rounds) ** 3  # equation 1
        assert step.pattern.sparsity == pytest.approx(cubic)


@given(SPARSITY, ROUNDS)
def test_iterative_takes_the_same_share_of_what_is_left(sparsity, rounds):
    steps = prune.iterative(prune.Weights(prune.Unstructured(sparsity)), Train(), rounds)
    left = [1.0, *(1.0 - step.pattern.sparsity for step in steps[::2])]
    shares = [after / before for before, after in itertools.pairwise(left)]
    assert shares == pytest.approx([(1.0 - sparsity) ** (1 / rounds)] * rounds)
    assert steps[-2].pattern.sparsity == sparsity


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_neighbours_go_in_whole_counts(schedule):
    step = prune.Weights(prune.NM(1, 4), prune.WandaWeights())
    steps = schedule(step, Train(seed=3), rounds=3)
    counts = [step.pattern.n for step in steps[::2]]
    assert counts == sorted(counts, reverse=True)
    assert steps[-2] == step
    assert [train.seed for train in steps[1::2]] == [3, 4, 5]


def test_nothing_at_all_can_be_scheduled():
    steps = prune.iterative(prune.Weights(prune.Unstructured(0.0)), Train(), rounds=2)
    assert {step.pattern.sparsity for step in steps[::2]} == {0.0}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_steps_are_a_recipe_whose_zeros_stay(schedule, network, evidence):
    train = Train(epochs=0.5, optimizer=AdamW(lr=1e-2), device="cpu")
    outcome = run(network, schedule(prune.Weights(prune.Unstructured(0.75)), train, rounds=2), evidence)
    weight = outcome.network.get_parameter("one.weight")
    assert int((weight == 0).sum()) == round(0.75 * weight.numel())
    assert len(outcome.steps) == 4


def test_weights_rewind_to_where_the_run_began(network, evidence):
    train = Train(epochs=1, using=[regularize.Rewind()], optimizer=AdamW(lr=1e-9), device="cpu", early=None)
    drift = Train(epochs=1, optimizer=AdamW(lr=1e-1), device="cpu", early=None)
    steps = [drift, *prune.iterative(prune.Weights(prune.Unstructured(0.5)), train, rounds=2)]
    weight = run(network, steps, evidence).network.get_parameter("one.weight")
    left = weight != 0
    torch.testing.assert_close(weight[left], network.get_parameter("one.weight")[left], atol=1e-6, rtol=0.0)
    assert int((~left).sum()) == round(0.5 * weight.numel())
