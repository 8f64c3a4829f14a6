"""Putting the members of a group together, and bringing them to one size first."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from paredown import codec, prune

from .scoring import score

NORMS = [None, prune.ByMean(), prune.ByMax(), prune.BySum()]
SCORES = st.lists(st.lists(st.floats(0, 100), min_size=3, max_size=3), min_size=1, max_size=4)


@given(SCORES)
def test_mean_max_and_sum_of_raw_scores(members):
    stacked = [torch.tensor(member, dtype=torch.float64) for member in members]
    for over, expected in ((prune.Mean(), sum(stacked) / len(stacked)), (prune.Sum(), sum(stacked))):
        torch.testing.assert_close(over.combine(stacked), expected)
    highest = [max(member[index] for member in members) for index in range(3)]
    assert prune.Max().combine(stacked).tolist() == highest


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        (prune.Sum(prune.ByMean()), [1 / 2 + 2, 3 / 2 + 0]),
        (prune.Max(prune.ByMax()), [1.0, 1.0]),
        (prune.Mean(prune.BySum()), [(1 / 4 + 1) / 2, (3 / 4 + 0) / 2]),
    ],
)
def test_each_member_is_brought_to_one_size_first(over, expected):
    members = [torch.tensor([1.0, 3.0]), torch.tensor([50.0, 0.0])]
    assert over.combine(members).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("norm", NORMS)
def test_zeros_stay_zeros(norm):
    assert prune.Mean(norm).combine([torch.zeros(2, 3, dtype=torch.float64)]).eq(0).all()


@given(st.floats(0.01, 100), st.sampled_from(NORMS[1:]))
def test_the_size_of_a_weight_does_not_count_once_normalised(factor, norm):
    member = torch.tensor([[0.5, 2.0], [1.0, 4.0]], dtype=torch.float64)
    torch.testing.assert_close(prune.Sum(norm).combine([factor * member]), prune.Sum(norm).combine([member]))


def test_a_criterion_aggregates_as_it_is_told(network):
    produced = network.get_parameter("one.weight").detach().double().abs().sum((1, 2, 3))
    consumed = network.get_parameter("two.weight").detach().double().abs().sum((0, 2, 3))
    torch.testing.assert_close(score(prune.L1(over=prune.Sum()), network, "one"), produced + consumed)
    largest = torch.maximum(produced / produced.max(), consumed / consumed.max())
    torch.testing.assert_close(score(prune.L1(over=prune.Max(prune.ByMax())), network, "one"), largest)


@pytest.mark.parametrize("over", [prune.Mean, prune.Max, prune.Sum])
@pytest.mark.parametrize("norm", NORMS)
def test_they_are_stored_with_the_run(over, norm):
    step = prune.Channels(importance=prune.LAMP(over=over(norm)))
    assert codec.decode(codec.encode(step)) == step
