"""Stratified drawing, as properties."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from paredown.data.sampling import class_labels, divided, stratified

LABELS = st.lists(st.integers(0, 5), min_size=2, max_size=80)


@given(LABELS, st.floats(0, 1), st.integers(0, 9))
@settings(max_examples=100, deadline=None)
def test_every_class_keeps_its_share(labels, share, seed):
    n = max(1, round(share * len(labels)))
    chosen = stratified(torch.tensor(labels), len(labels), n, seed)
    assert len(chosen) == n == len(set(chosen.tolist()))
    assert np.array_equal(chosen, stratified(torch.tensor(labels), len(labels), n, seed))
    if len(set(labels)) <= n:
        for label in set(labels):
            got = sum(labels[i] == label for i in chosen)
            assert abs(got - labels.count(label) * n / len(labels)) < 1


@given(LABELS, st.floats(0.05, 0.95), st.integers(0, 9))
@settings(max_examples=100, deadline=None)
def test_two_parts_are_the_whole(labels, share, seed):
    first, second = divided(torch.tensor(labels), len(labels), share, seed)
    assert len(first) >= 1
    assert len(second) >= 1
    assert sorted([*first, *second]) == list(range(len(labels)))


def test_real_numbers_are_no_classes():
    assert class_labels(torch.randn(5)) is None
    assert class_labels(torch.zeros(5, 3, dtype=torch.long)) is None
    assert class_labels(None) is None
    assert class_labels(torch.zeros(5, 1, dtype=torch.long)).shape == (5,)
    assert len(stratified(torch.randn(9), 9, 4, 0)) == 4
