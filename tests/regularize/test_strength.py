"""How much of a regularizer."""

import dataclasses
import math
import statistics

import numpy as np
import pytest
from scipy import stats

from paredown import regularize
from paredown.errors import RecipeError
from paredown.recipe import AdamW, Train
from paredown.regularize import Dropout, Strength, Tried, fit_strength


@pytest.fixture(scope="module")
def short():
    return Train(epochs=2, optimizer=AdamW(lr=1e-2, weight_decay=0.0), device="cpu", early=None)


def test_every_value_is_trained_once_per_seed_beside_a_control(setting, short):
    before = setting.network.fingerprint()
    found = fit_strength(
        Dropout(), "probability", [0.2, 0.6], setting.network, setting.evidence, train=short, seeds=(3, 4)
    )
    assert setting.network.fingerprint() == before
    assert [one.value for one in found.tried] == [None, 0.2, 0.6]
    for one in found.tried:
        using = () if one.value is None else (Dropout(one.value),)
        for seed, select, train in zip((3, 4), one.select, one.train, strict=True):
            network = dataclasses.replace(short, seed=seed, using=using).fit(setting.network, setting.evidence).network
            assert setting.evidence.evaluate(network) == select
            rows = [(network(x).argmax(1) == y).float() for x, y in setting.evidence.work.train.batches()]
            assert float(sum(r.sum() for r in rows)) / 128 * 100 == pytest.approx(train)
    best = max(found.tried, key=lambda one: sum(one.select))
    assert found.chosen == best
    assert found.ingredient == (None if best.value is None else Dropout(best.value))


def fitted(*tried, higher=True):
    return Strength(None, "share", "%", higher, tried)


def test_the_gain_is_paired_by_seed_and_widened_for_every_look():
    control = Tried(None, (99.0, 98.0, 97.0), (80.0, 70.0, 75.0))
    one, two = Tried(0.1, (95.0, 94.0, 93.0), (83.0, 72.0, 79.0)), Tried(0.2, (50.0,) * 3, (50.0,) * 3)
    found = fitted(control, one, two)
    mean, half = found.gain(one)
    differences = [3.0, 2.0, 4.0]
    assert mean == pytest.approx(3.0)
    expected = stats.t.interval(1 - 0.05 / 2, 2, 0.0, statistics.stdev(differences) / math.sqrt(3))[1]
    assert half == pytest.approx(expected)
    assert found.gap(control) == pytest.approx(23.0)
    assert found.gap(one) == pytest.approx(16.0)
    assert found.chosen is one


def test_where_nothing_helps_the_control_is_chosen():
    control = Tried(None, (99.0, 98.0), (80.0, 70.0))
    found = fitted(control, Tried(0.1, (70.0, 70.0), (60.0, 65.0)), Tried(0.2, (70.0, 70.0), (75.0, 75.0)))
    assert found.chosen is control  # also where a value ties with it
    assert "No value does better on select than training without it." in str(found)


def test_lower_can_be_better():
    control, one = Tried(None, (1.0, 1.0), (3.0, 4.0)), Tried(0.1, (2.0, 2.0), (2.5, 3.5))
    found = fitted(control, one, higher=False)
    assert found.chosen is one
    assert found.gain(one) == (0.5, 0.0)
    assert found.gap(control) == pytest.approx(2.5)


def test_the_table_says_what_is_certain():
    control = Tried(None, (99.0, 98.0), (80.0, 70.0))
    clear = str(fitted(control, Tried(0.1, (95.0, 94.0), (85.0, 75.1))))
    lines = clear.splitlines()
    assert lines[0].split() == ["share", "select", "train", "gap", "better", "than", "none", "by"]
    assert lines[1].split() == ["none", "75", "98.5", "23.5"]
    assert lines[2].split()[:5] == ["0.1", "80.05", "94.5", "14.5", "+5.05"]
    assert lines[3] == "Best: share=0.1, beyond the interval of 2 seeds; the gap goes from 23.5 to 14.5 %."
    vague = str(fitted(control, Tried(0.1, (95.0, 94.0), (85.0, 70.1))))
    assert "within the interval of 2 seeds" in vague
    single = fitted(Tried(None, (1.0,), (1.0,)), Tried(0.1, (2.0,), (2.0,)))
    assert single.gain(single.tried[1]) == (1.0, math.inf)
    assert "±" not in str(single)


def test_questions_that_cannot_be_asked_are_refused(setting, short):
    rest = (setting.network, setting.evidence)
    with pytest.raises(RecipeError, match=r"Dropout has no setting 'rate'. It has probability, at"):
        fit_strength(Dropout(), "rate", [0.1], *rest, train=short)
    with pytest.raises(
        RecipeError, match=r"values=\[\], seeds=\[0, 1, 2\].*nothing to try.*fit_strength\(regularize.D"
    ):
        fit_strength(Dropout(), "probability", [], *rest, train=short)
    with pytest.raises(RecipeError, match=r"seeds=\[\]"):
        fit_strength(Dropout(), "probability", [0.1], *rest, train=short, seeds=())
    with pytest.raises(RecipeError, match=r"Dropout\(probability=1.5\)"):
        fit_strength(Dropout(), "probability", [1.5], *rest, train=short)
    for values in (0.1, [None], ["a"]):
        with pytest.raises(RecipeError, match=r"nothing to try: both are lists of numbers"):
            fit_strength(Dropout(), "probability", values, *rest, train=short)
    with pytest.raises(RecipeError, match=r"seeds=\[\]\) has nothing to try"):
        fit_strength(Dropout(), "probability", np.array([0.1]), *rest, train=short, seeds=3)
    with pytest.raises(
        RecipeError, match=r"given Dropout, which is no ingredient.*fit_strength\(regularize.Dropout\(\)"
    ):
        fit_strength(Dropout, "probability", [0.1], *rest, train=short)
    with pytest.raises(RecipeError, match=r"train=\[\]\) was given. It is a training. Write `train=Train\(epochs=3\)`"):
        fit_strength(Dropout(), "probability", [0.1], *rest, train=[])


def test_it_is_public():
    assert regularize.fit_strength is fit_strength
