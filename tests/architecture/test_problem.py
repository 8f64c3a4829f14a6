"""The search problem without a network behind it: proposals keep limits, strategies find planted optima."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import paredown
from paredown.architecture import Depth, Evolution, LocalSearch, RandomSearch, Width
from paredown.architecture.problem import Problem
from paredown.architecture.space import Space

STRATEGIES = [Evolution(), LocalSearch(), RandomSearch()]


@pytest.fixture(scope="module")
def space(task):
    import torch

    return Space(paredown.capture(task.model, torch.randn(2, 1, 6, 6)), Width(), Depth(), 1)


def test_the_space_is_what_it_says(space):
    assert len(space.blocks) == 3
    assert space.size() == 2.0**3 * np.prod([float(len(counts)) for counts in space.counts])
    assert space.macs(space.whole) == space.axes.macs()


@given(st.integers(0, 10_000), st.floats(0.2, 0.95))
@settings(max_examples=10, deadline=None)
def test_every_proposal_keeps_the_limits(space, seed, share):
    problem = Problem(space, {"macs": share}, lambda _: 0.0, 5, seed)
    candidate = problem.sample()
    for _ in range(5):
        assert problem.feasible(candidate)
        assert space.canonical(candidate) == candidate
        wider = problem.mutate(candidate)
        assert wider != candidate or problem.left
        candidate = wider


@given(st.floats(0.1, 1.0), st.integers(2, 9), st.integers(1, 200), st.sampled_from([1, 4, 8]))
def test_widths_are_multiples_that_end_with_all(least, levels, size, multiple):
    counts = Width(least, levels).counts(size, multiple)
    assert counts == tuple(sorted(set(counts)))
    assert counts[-1] == size
    assert counts[0] >= 1
    if size % multiple == 0 and size > multiple:
        assert all(count % multiple == 0 for count in counts)


def _planted(space):
    """Loss is the distance to one particular network that the limit allows."""
    goal = Problem(space, {"macs": 0.5}, lambda _: 0.0, 1, seed=123).sample()

    def loss(candidate):
        levels = [
            counts.index(a) - counts.index(b)
            for counts, a, b in zip(space.counts, candidate.widths, goal.widths, strict=True)
        ]
        blocks = sum(a != b for a, b in zip(candidate.dropped, goal.dropped, strict=True))
        return float(np.abs(levels).sum() + 4 * blocks)

    return loss


@pytest.mark.parametrize("strategy", STRATEGIES[:2], ids=lambda s: type(s).__name__)
def test_guided_search_beats_random_search(space, strategy):
    reached = {}
    for name, one in (("guided", strategy), ("random", RandomSearch())):
        values = []
        for seed in range(2):
            problem = Problem(space, {"macs": 0.5}, _planted(space), 80, seed)
            one.search(problem)
            assert len(problem.seen) <= 80
            values.append(problem.seen[problem.winner])
        reached[name] = np.mean(values)
    assert reached["guided"] < reached["random"]


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
def test_a_space_that_is_used_up_ends_the_search(task, strategy):
    import torch

    network = paredown.capture(task.model, torch.randn(2, 1, 6, 6))
    problem = Problem(Space(network, None, Depth(), 1), {"macs": 0.9}, lambda c: sum(c.dropped), 10_000, 0)
    strategy.search(problem)
    assert len(problem.seen) <= 7
    assert not problem.left
    assert sum(problem.winner.dropped) == 1


def test_networks_without_a_number_lose(space):
    problem = Problem(space, {"macs": 0.5}, lambda c: float("nan") if c.dropped[0] else 1.0, 30, 0)
    RandomSearch().search(problem)
    assert not problem.winner.dropped[0]


def test_no_more_blocks_go_than_allowed(task):
    import torch

    network = paredown.capture(task.model, torch.randn(2, 1, 6, 6))
    problem = Problem(Space(network, Width(), Depth(most=0.3), 1), {"macs": 0.5}, lambda _: 0.0, 30, 0)
    RandomSearch().search(problem)
    assert all(sum(candidate.dropped) <= 1 for candidate in problem.seen)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
def test_one_evaluation_is_enough_for_a_feasible_network(space, strategy):
    problem = Problem(space, {"macs": 0.3}, lambda _: 1.0, 1, 0)
    strategy.search(problem)
    assert problem.feasible(problem.winner)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
def test_a_limit_that_only_the_smallest_network_keeps(space, strategy):
    problem = Problem(space, {"macs": 1.0}, lambda _: 1.0, 1, 0)
    least = problem.share("macs", problem.smallest())
    tight = Problem(space, {"macs": least}, lambda _: 1.0, 12, 0)
    strategy.search(tight)
    assert tight.share("macs", tight.winner) == least
