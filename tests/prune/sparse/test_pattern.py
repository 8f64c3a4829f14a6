"""Patterns of zeros, against counting."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from paredown import prune
from paredown.errors import RecipeError


def scores(rows, columns, seed):
    return torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed))


@given(st.integers(1, 5), st.integers(1, 40), st.floats(0.0, 0.99), st.integers(0, 99))
def test_the_lowest_share_of_every_row_goes(rows, columns, sparsity, seed):
    given_ = scores(rows, columns, seed)
    keep = prune.Unstructured(sparsity).keep(given_)
    for row, kept in zip(given_, keep, strict=True):
        assert int((~kept).sum()) == round(sparsity * columns)
        if kept.any() and not kept.all():
            assert row[~kept].max() <= row[kept].min()


@given(st.integers(2, 8), st.data())
def test_of_every_m_neighbours_the_n_highest_stay(m, data):
    n = data.draw(st.integers(1, m - 1))
    given_ = scores(3, m * data.draw(st.integers(1, 5)), data.draw(st.integers(0, 99)))
    keep = prune.NM(n, m).keep(given_)
    for row, kept in zip(given_.tolist(), keep.tolist(), strict=True):
        for start in range(0, len(row), m):
            best = sorted(row[start : start + m])[-n:]
            assert [score in best for score in row[start : start + m]] == kept[start : start + m]


def test_of_equal_ones_the_last_stay():
    assert prune.Unstructured(0.5).keep(torch.zeros(1, 4)).tolist() == [[False, False, True, True]]
    assert prune.NM(1, 2).keep(torch.zeros(1, 4)).tolist() == [[False, True, False, True]]


def test_on_the_way_more_is_left():
    assert prune.Unstructured(0.8).leaving(0.75) == prune.Unstructured(0.25)
    assert prune.Unstructured(0.8).leaving(1.0 - 0.8) == prune.Unstructured(0.8)
    assert [prune.NM(1, 8).leaving(share).n for share in (1.0, 0.7, 0.5, 0.125, 0.0)] == [7, 6, 4, 1, 1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: prune.Unstructured(1.0),
            r"Unstructured\(sparsity=1.0\) was given. It is the share of zeros, from 0 to",
        ),
        (
            lambda: prune.Unstructured(-0.1),
            r"Unstructured\(sparsity=-0.1\) was given.*Write `prune.Unstructured\(sparsity=0.5\)`",
        ),
        (lambda: prune.NM(4, 4), r"NM\(n=4\) was given. It is how many of 4 weights stay.*Write `prune.NM\(n=2, m=4\)"),
        (lambda: prune.NM(0, 4), r"NM\(n=0\) was given"),
    ],
)
def test_impossible_patterns_are_refused(make, message):
    with pytest.raises(RecipeError, match=message):
        make()
