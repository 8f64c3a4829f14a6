"""Reading ahead."""

import random
import threading

import numpy as np
import pytest
import torch

from paredown.recipe.ahead import ahead


def reading(count, draw=lambda: None):
    """Numbers, with the thread that each was made on."""
    for number in range(count):
        draw()
        yield number, threading.current_thread().name


@pytest.mark.parametrize("count", [0, 1, 2, 3, 20])
def test_items_come_complete_and_in_order(count):
    assert [number for number, _ in ahead(reading(count))] == list(range(count))


def test_all_but_the_first_are_made_elsewhere():
    here = threading.current_thread().name
    threads = [name for _, name in ahead(reading(4))]
    assert threads[0] == here
    assert {name.rpartition("_")[0] for name in threads[1:]} == {"paredown-ahead"}


@pytest.mark.parametrize("draw", [lambda: torch.rand(()), np.random.rand, random.random])
def test_what_draws_from_global_generators_stays_here(draw):
    here = threading.current_thread().name
    assert {name for _, name in ahead(reading(4, draw))} == {here}


def test_no_more_than_two_are_made_before_they_are_wanted():
    made = []

    def items():
        for number in range(10):
            made.append(number)
            yield number

    found = ahead(items())
    assert [next(found), next(found)] == [0, 1]
    found.close()
    assert len(made) <= 4
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("paredown-ahead")]


def test_an_error_arrives_where_its_item_was_wanted():
    def items():
        yield from range(3)
        msg = "row 3 is broken"
        raise ValueError(msg)

    found = ahead(items())
    assert [next(found), next(found), next(found)] == [0, 1, 2]
    with pytest.raises(ValueError, match="row 3 is broken"):
        next(found)
