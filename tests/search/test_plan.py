"""How time is divided."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paredown import quantize  # noqa: F401 (sketches need the families)
from paredown.search.plan import Allocation, Pace, allocate, epochs_in, reserve, rungs
from paredown.search.space import Move, Sketch

ARMS = ("prune", "distill", "architecture", "regularize", "random prune", "no teacher")
DEMO = Pace(step=0.01, teacher=0.004, steps=20, overhead=1.5, process=0.6, predict=1e-4)
CIFAR = Pace(step=0.25, teacher=0.08, steps=390, overhead=6.0, process=1.0, predict=1e-3)


def spent(allocation: Allocation) -> float:
    race = allocation.rung * allocation.candidates if allocation.candidates > 1 else 0.0
    return allocation.arm * len(allocation.arms) + race + allocation.last


def test_forty_minutes_on_cifar_give_one_combination_most_of_the_training():
    allocation = allocate(2000.0, CIFAR, ARMS)
    cut = Sketch((Move.PRUNE, Move.TRAIN, Move.INT8), macs=0.5)
    assert allocation.arms == ARMS
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


def test_hardly_any_time_is_one_combination():
    allocation = allocate(1.0, CIFAR, ARMS)
    assert allocation.arms == ()
    assert allocation.candidates == 1
    assert allocation.last >= 0


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
    plain = Sketch((Move.PRUNE, Move.TRAIN, Move.INT8), macs=0.5)
    aware = Sketch((Move.PRUNE, Move.INT8, Move.TRAIN), macs=0.5)
    whole = Sketch((Move.TRAIN,))
    assert CIFAR.epoch(plain) < CIFAR.epoch(whole) < CIFAR.epoch(aware)


def test_what_is_kept_back_for_the_end():
    assert reserve(2400, CIFAR, 12, 10_000) < 0.25 * 2400
    assert reserve(20, DEMO, 12, 600) <= 0.4 * 20
