"""How time is divided."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paredown.prune.moves import CHANNELS
from paredown.quantize.moves import INT8
from paredown.recipe.picks import Picks
from paredown.recipe.training import TRAIN
from paredown.run.enough import needed
from paredown.search.plan import Allocation, Pace, allocate, epochs_in, reserve, rungs

ARMS = ("prune", "distill", "architecture", "regularize", "random prune", "no teacher")
DEMO = Pace(step=0.01, teacher=0.004, steps=20, overhead=1.5, process=0.6, predict=1e-4)
CIFAR = Pace(step=0.25, teacher=0.08, steps=390, overhead=6.0, process=1.0, predict=1e-3)


def spent(allocation: Allocation) -> float:
    race = 0.0 if allocation.short else allocation.rung * allocation.candidates
    return allocation.arm * len(allocation.arms) + race + allocation.last


def test_forty_minutes_on_cifar_give_one_combination_most_of_the_training():
    allocation = allocate(2000.0, CIFAR, ARMS)
    cut = Picks.of(CHANNELS, TRAIN, INT8).sized(0.5)
    assert allocation.arms == ARMS[:3]  # as many as can be trained for long enough to be judged
    assert allocation.arm > 3 * CIFAR.epoch(cut)
    assert allocation.candidates >= 3
    assert allocation.last > 0.45 * 2000
    assert allocation.last / CIFAR.epoch(cut) > 5


def test_looking_for_a_learning_rate_takes_its_steps_and_a_forward_pass_for_each():
    assert DEMO.range_test(30) == pytest.approx(0.4)


def test_a_short_run_still_tries_every_family_and_a_combination():
    allocation = allocate(60.0, DEMO, ARMS)
    assert set(allocation.arms) >= set(ARMS[:4])
    assert allocation.candidates >= 1
    assert allocation.last > 10


@pytest.mark.parametrize("left", [1.0, 100.0, 9.5 * CIFAR.epoch(Picks.of(TRAIN))])
def test_in_a_short_run_one_candidate_gets_everything(left):
    allocation = allocate(left, CIFAR, ARMS)
    assert (allocation.arms, allocation.candidates, allocation.short) == ((), 1, True)
    assert allocation.rung == allocation.last == max(0.0, left - CIFAR.overhead)
    assert not allocate(1100.0, CIFAR, ARMS).short


@pytest.mark.parametrize("left", [1100.0, 2000.0, 10_000.0])
def test_every_candidate_of_the_first_rung_is_trained_long_enough_to_be_ranked(left):
    allocation = allocate(left, CIFAR, ARMS)
    least = min(100, 0.25 * CIFAR.steps) * (CIFAR.step + CIFAR.teacher)
    assert allocation.rung >= least
    assert not allocation.arms or allocation.arm >= 0.7 * needed(CIFAR.steps) * CIFAR.step


def test_scoring_on_select_is_part_of_a_training_and_not_of_its_steps():
    slow = dataclasses.replace(DEMO, evaluate=2.0)
    picks = Picks.of(TRAIN)
    assert slow.step_of(picks) == DEMO.step_of(picks)
    assert slow.training(picks, 3) == pytest.approx(DEMO.training(picks, 3) + 4 * 2.0)
    assert slow.training(picks, 3, 2.0) == pytest.approx(2 * DEMO.training(picks, 3) + 4 * 2.0)


def test_range_tests_step_in_float32_and_on_the_cut_network():
    both = dataclasses.replace(DEMO, full=0.03)
    assert both.range_test(30) == pytest.approx(3 * DEMO.range_test(30))
    cut = Picks.of(CHANNELS, TRAIN).sized(0.5)
    assert both.range_test(30, cut) == pytest.approx(0.65 * both.range_test(30))


@given(st.floats(0, 1e5), st.sampled_from([DEMO, CIFAR]), st.integers(0, 6))
def test_no_more_is_given_away_than_there_is(left, pace, count):
    allocation = allocate(left, pace, ARMS[:count])
    assert 1 <= allocation.candidates <= 12
    assert spent(allocation) <= left + 1e-6
    assert min(allocation.arm, allocation.rung, allocation.last) >= 0


@given(st.integers(1, 12), st.floats(0.1, 100), st.floats(0.1, 1000))
def test_halving_ends_with_one_that_gets_the_most(candidates, first, last):
    ladder = rungs(candidates, first, last)
    counts = [count for count, _ in ladder]
    assert ladder[0] == (candidates, first)
    assert counts[-1] == 1
    assert counts == sorted(counts, reverse=True)
    promoted = sum(count * seconds for count, seconds in ladder[1:])
    assert promoted <= last + 1e-6
    assert ladder[-1][1] >= 0.5 * promoted - 1e-6


def test_epochs_that_fit():
    assert epochs_in(100.0, 30.0, 400) == 3.3
    assert epochs_in(1000.0, 3.0, 400) == 60.0  # nothing is gained by more
    assert epochs_in(0.0, 30.0, 400) == pytest.approx(0.01)  # four steps of 400
    assert epochs_in(20.0, 100.0, 400) == 0.2


def test_training_through_rounding_and_with_a_teacher_takes_longer():
    plain = Picks.of(CHANNELS, TRAIN, INT8).sized(0.5)
    aware = Picks.of(CHANNELS, INT8, TRAIN).sized(0.5)
    whole = Picks.of(TRAIN)
    assert CIFAR.epoch(plain) < CIFAR.epoch(whole) < CIFAR.epoch(aware)


def test_what_is_kept_back_for_the_end():
    assert reserve(2400, CIFAR, 12, 10_000) < 0.25 * 2400
    assert reserve(20, DEMO, 12, 600) <= 0.4 * 20
    assert reserve(900, CIFAR, 12, 10_000) < reserve(1000, CIFAR, 12, 10_000)  # a short run has fewer files to measure
