"""Trainings use as many threads as have been measured to be fast."""

import pytest
import torch

from paredown.trial import threads
from paredown.trial.threads import fastest_threads, training_threads


@pytest.fixture(autouse=True)
def four(monkeypatch):
    """A machine with four processors, none of them asked for."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "_available", lambda: 4)


def timed(**seconds):
    asked = []

    def step():
        asked.append(torch.get_num_threads())
        return seconds[f"with_{torch.get_num_threads()}"]

    return step, asked


@pytest.mark.parametrize(("together", "found"), [(0.5, (4, 0.5)), (0.95, (1, 1.0)), (12.0, (1, 1.0))])
def test_several_threads_have_to_save_a_tenth(together, found):
    step, asked = timed(with_1=1.0, with_4=together)
    before = torch.get_num_threads()
    assert fastest_threads(step) == found
    assert asked == [1, 4]
    assert torch.get_num_threads() == before


def test_what_the_user_sets_is_obeyed(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    step, asked = timed(with_3=1.0)
    assert fastest_threads(step) == (None, 1.0)
    assert asked == [3]


def test_a_single_processor_leaves_nothing_to_choose(monkeypatch):
    monkeypatch.setattr(threads, "_available", lambda: 1)
    step, asked = timed(with_1=1.0)
    assert fastest_threads(step) == (None, 1.0)
    assert asked == [1]


@pytest.mark.parametrize(("given", "used"), [(2, 2), (None, 4)])
def test_threads_are_set_for_the_block_alone(given, used):
    before = torch.get_num_threads()
    with training_threads(given):
        assert torch.get_num_threads() == used
    assert torch.get_num_threads() == before
