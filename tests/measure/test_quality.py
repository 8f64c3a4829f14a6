"""Quality in pairs: intervals that fit the kind of score, and words for rows that cannot be compared."""

import numpy as np
import pytest
import torch

from paredown import scores
from paredown.errors import InputError
from paredown.measure import Interval, quality


def rows(*hits):
    return np.array(hits, dtype=float)[:, None]


def test_accuracy_in_pairs():
    original = np.ones(1000)
    original[:100] = 0
    file = original.copy()
    file[[0, 1, 2]] = 1
    file[200:212] = 0
    found = quality(torch.from_numpy(file), original, scores.accuracy)
    assert found.score.estimate == pytest.approx(89.1)
    assert found.drop.estimate == pytest.approx(0.9)
    assert found.discordant == (12, 3)
    assert found.mcnemar == pytest.approx(0.0352, abs=1e-4)
    assert 0 < found.drop.low < 0.9 < found.drop.high < 2.0
    assert found.drop.low < found.drop_bounds.low < found.drop_bounds.high < found.drop.high
    assert found.drop_bounds.confidence == pytest.approx(0.90)
    assert found.n == 1000


def test_files_that_agree_everywhere_are_not_beyond_doubt():
    same = np.ones(600)
    found = quality(same.copy(), same, scores.accuracy)
    assert found.drop.estimate == 0
    assert 0.5 < found.drop.high < 0.7
    assert found.score.high == 100.0


def test_the_original_itself_has_lost_nothing():
    same = np.ones(600)
    assert quality(same, same, scores.accuracy).drop == Interval(0.0, 0.0, 0.0)


def test_errors_are_worse_when_larger():
    generator = np.random.default_rng(0)
    original = generator.exponential(1.0, (300, 1))
    found = quality(original * 1.2, original, scores.squared_error)
    assert found.drop.estimate == pytest.approx(0.2 * original.mean())
    assert 0 < found.drop.low < found.drop.estimate < found.drop.high
    assert found.mcnemar is None
    assert found.discordant is None
    again = quality(original * 1.2, original, scores.squared_error)
    assert again == found  # seeded


def test_a_right_or_wrong_score_of_the_users_own_may_be_better_when_lower():
    score = scores.of(lambda outputs, target: outputs, name="misses", higher_is_better=False, binary=True)
    found = quality(rows(1, 1, 0, 0), rows(0, 0, 0, 0), score)
    assert found.drop.estimate == pytest.approx(0.5)
    assert found.discordant == (0, 2)


@pytest.mark.parametrize(
    ("file", "original", "words"),
    [
        (rows(1, 0), rows(1, 0, 1), r"rows of shape \[2, 1\] and the original \[3, 1\].*same split"),
        (np.zeros((0, 1)), rows(1), r"rows of the file have the shape \[0, 1\].*not empty"),
        (rows(1, np.nan, 0), rows(1, 1, 1), r"1 of 3 rows of the file are not finite.*NaN"),
    ],
)
def test_rows_that_cannot_be_compared(file, original, words):
    with pytest.raises(InputError, match=words):
        quality(file, original, scores.accuracy)
