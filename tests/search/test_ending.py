"""What is measured fully at the end, and what is left out."""

import dataclasses

import numpy as np
import pytest

from paredown import scores
from paredown.budget import Budget
from paredown.measure import quality
from paredown.measure.size import Size
from paredown.run.labels import NOTHING
from paredown.run.ledger import TrialRecord
from paredown.run.results import TrialResult
from paredown.run.summary import StepSummary
from paredown.search.ending import Chosen, advisable, shortlist
from paredown.verdict import Measured

BUDGET = Budget(latency="50%", drop="2 pt")


def right(wrong):
    rows = np.ones((400, 1))
    rows[:wrong] = 0.0
    return rows


def record(label, ms, wrong=0, *, role="trial", epochs=5.0, layout="", size=1000):
    """A trial whose file loses a quarter of a point for every example it gets wrong."""
    history = ({"epoch": epochs, "step": 100 * epochs},) if epochs else ()
    steps = (StepSummary("Train()", "train", "", 1.0, 1, 1, history),)
    found = quality(right(wrong), right(0), scores.accuracy)
    size = Size(size, size, size)
    result = TrialResult("f", "n", {}, size, 1, 1, steps, found, ms=ms, layout=layout)
    return TrialRecord(label, 0, role, label, {}, "measured", result)


ORIGINAL = record("original", 1.0, role="original", epochs=0, size=4000)
TWIN = record(NOTHING, 1.0, role="control", epochs=0, size=4000)


def listed(*records, budget=BUDGET, most=12, **settings):
    return shortlist([TWIN, *records], ORIGINAL, budget, scores.accuracy, most, **settings)[1:]


def test_files_that_miss_the_budget_beside_one_that_may_meet_it_are_out_of_the_race():
    good, slow = record("good", 0.4), record("slow", 0.9)
    broken = record("broken", 0.1, wrong=200, size=10)
    assert listed(good, slow, broken) == ("good", NOTHING)
    assert set(listed(good, slow, broken, budget=None)) >= {"good", "broken", NOTHING}


def test_where_nothing_meets_the_budget_the_nearest_are_measured():
    slow, broken = record("slow", 0.9), record("broken", 0.1, wrong=200)
    assert set(listed(slow, broken)) == {"slow", "broken", NOTHING}


def test_a_near_miss_stays_for_the_advice():
    good, near = record("good", 0.4), record("near", 0.3, wrong=11, size=500)
    assert listed(good, near) == ("good", NOTHING, "near")


def test_of_one_shape_only_the_longest_trained_is_measured():
    short, long = (record(f"{epochs} epochs", ms, epochs=epochs, layout="A") for epochs, ms in ((1, 0.29), (9, 0.31)))
    other = record("other", 0.4, layout="B")
    assert listed(short, long, other) == ("9 epochs", "other", NOTHING)


def test_arms_are_compared_if_they_were_trained_for_long_enough():
    good, arm = record("good", 0.4), record("prune 50%", 0.7, wrong=100, role="arm", epochs=0.2)
    random = record("random prune 50%", 0.7, wrong=100, role="control", epochs=0.2)
    teacher = record("no teacher 50%", 0.7, wrong=100, role="control")
    assert listed(good, arm, random, teacher) == ("good", "prune 50%", NOTHING, "random prune 50%")
    assert listed(good, arm, random, unripe={"prune 50%", "random prune 50%"}) == ("good", NOTHING)


@pytest.mark.parametrize("most", [1, 2])
def test_the_most_promising_come_first(most):
    found = [record("a", 0.4), record("b", 0.3), dataclasses.replace(record("c", 0.2), state="failed")]
    assert listed(*found, most=most) == ("b", "a")[:most]


def test_advice_never_offers_to_do_nothing():
    """It is the original's own file once more; nor are the original and the best offered."""
    finals = {
        key: Measured(label) for key, label in {"o": "original", "b": "small", "n": NOTHING, "p": "prune"}.items()
    }
    assert [measured.label for measured in advisable(Chosen("b", tuple(finals)), finals)] == ["prune"]
