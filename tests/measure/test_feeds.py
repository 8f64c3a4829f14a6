import numpy as np
import pytest

from paredown.errors import InputError
from paredown.measure import feeds

SPECS = [("x", "float32", (None, 3)), ("ids", "int64", (None, 2))]


def test_made_up_inputs_have_the_types_and_shapes_of_the_file():
    one, two = feeds.made_up(SPECS, 4, seed=1)
    assert (one.dtype, one.shape) == (np.float32, (4, 3))
    assert (two.dtype, two.shape) == (np.int64, (4, 2))
    assert set(np.unique(two)) <= {0, 1}
    assert np.array_equal(one, feeds.made_up(SPECS, 4, seed=1)[0])
    assert not np.array_equal(one, feeds.made_up(SPECS, 4, seed=2)[0])


def test_given_inputs_are_repeated_or_cut_to_the_batch():
    rows = np.arange(6, dtype=np.float64).reshape(2, 3)
    (fitted,) = feeds.fit([rows], SPECS[:1], 5)
    assert fitted.dtype == np.float32
    assert np.array_equal(fitted, rows[[0, 1, 0, 1, 0]])
    (cut,) = feeds.fit([rows], SPECS[:1], 1)
    assert np.array_equal(cut, rows[:1])
    (fixed,) = feeds.fit([rows], [("x", "float32", (3, 3))], 1)
    assert fixed.shape == (3, 3)


def test_the_fixed_batch_is_found():
    assert feeds.batch_of(SPECS) is None
    assert feeds.batch_of([("x", "float32", (8, 3))]) == 8


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ([], r"0 inputs were given; the file takes 2: x float32\[None, 3\], ids int64"),
        (
            [np.zeros((2, 4), np.float32), np.zeros((2, 2), np.int64)],
            r"'x' was given with the shape \[2, 4\].*Pass inputs",
        ),
        ([np.zeros((2, 3), np.float32), np.zeros((2,), np.int64)], r"'ids' was given with the shape \[2\]"),
        ([np.zeros((2, 3), np.int64), np.zeros((2, 2), np.int64)], r"'x' was given as int64.*astype\('float32'\)"),
    ],
)
def test_inputs_that_do_not_fit(arrays, words):
    with pytest.raises(InputError, match=words):
        feeds.fit(arrays, SPECS, 2)


def test_open_shapes_need_inputs():
    with pytest.raises(InputError, match=r"'x' has the shape \[None, 3, None\].*inputs="):
        feeds.made_up([("x", "float32", (None, 3, None))], 1, 0)
