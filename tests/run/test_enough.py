"""A training that is too short is no verdict on a technique."""

import pytest

from paredown.measure.size import Size
from paredown.run.enough import epochs_of, needed, short_of
from paredown.run.results import TrialResult
from paredown.run.summary import StepSummary


def trained(*trainings):
    """Results of trainings given as (epochs, steps)."""
    steps = tuple(
        StepSummary("Train()", "train", "", 1.0, 1, 1, ({"epoch": 0.1, "step": 1.0}, {"epoch": e, "step": float(s)}))
        for e, s in trainings
    )
    cut = StepSummary("prune.Channels()", "prune", "", 1.0, 1, 1)
    return TrialResult("file", "network", {}, Size(1, 1, 1), 1, 1, (cut, *steps), quality=None)


@pytest.mark.parametrize(("steps", "least"), [(4, 100), (42, 126), (390, 1170), (5000, 3000)])
def test_three_epochs_but_not_of_few_or_very_many_steps(steps, least):
    assert needed(steps) == least


def test_a_fraction_of_an_epoch_is_not_enough():
    assert short_of(trained((0.2, 78))) == "trained 0.2 epochs (78 steps), not enough to judge"
    assert short_of(trained((6.0, 60)))  # of ten steps each
    assert short_of(trained((0.3, 1900)))
    assert not short_of(trained((0.4, 2100)))
    assert short_of(trained((1.9, 741)))
    assert not short_of(trained((2.0, 780)))


def test_all_trainings_of_a_recipe_count():
    assert short_of(trained((0.9, 351), (1.0, 390)))
    assert not short_of(trained((1.0, 390), (2.0, 780)))
    assert epochs_of(trained((1.0, 390), (2.0, 780))) == 3.0


def test_what_was_not_trained_needs_no_training():
    assert not short_of(trained())
    assert epochs_of(trained()) == 0.0
