"""The search problem without a network behind it: proposals keep limits, strategies find planted optima."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import paredown
from paredown.architecture import Depth, Evolution, LocalSearch, RandomSearch, Width
from paredown.architecture.problem import Problem, solve
from paredown.architecture.space import Space
from paredown.search.tpe import ParzenEstimator

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
    problem, draw = Problem(space, {"macs": share}, 5), np.random.default_rng(seed)
    proposal = problem.sample(draw)
    for _ in range(5):
        candidate = proposal.candidate
        assert problem.feasible(candidate)
        assert max(problem.excess(candidate).values()) <= 0
        assert space.canonical(candidate) == candidate
        proposal = problem.mutate(proposal, draw)


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
    goal = Problem(space, {"macs": 0.5}, 1).sample(np.random.default_rng(123)).candidate

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
            found = solve(Problem(space, {"macs": 0.5}, 80), one, _planted(space), seed)
            assert len(found.losses) == 80
            values.append(found.losses[found.ranking()[0]])
        reached[name] = np.mean(values)
    assert reached["guided"] < reached["random"]


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
def test_a_space_that_is_used_up_ends_the_search(task, strategy):
    import torch

    network = paredown.capture(task.model, torch.randn(2, 1, 6, 6))
    problem = Problem(Space(network, None, Depth(), 1), {"macs": 0.9}, 10_000)
    found = solve(problem, strategy, lambda c: sum(c.dropped), 0)
    assert len(found.losses) <= 7
    assert found.complete
    assert sum(found.ranking()[0].dropped) == 1


def test_networks_without_a_number_lose(space):
    problem = Problem(space, {"macs": 0.5}, 30)
    found = solve(problem, RandomSearch(), lambda c: float("nan") if c.dropped[0] else 1.0, 0)
    assert not found.ranking()[0].dropped[0]


def test_no_more_blocks_go_than_allowed(task):
    import torch

    network = paredown.capture(task.model, torch.randn(2, 1, 6, 6))
    problem = Problem(Space(network, Width(), Depth(most=0.3), 1), {"macs": 0.5}, 30)
    found = solve(problem, RandomSearch(), lambda _: 0.0, 0)
    assert all(sum(candidate.dropped) <= 1 for candidate in found.losses)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
def test_one_evaluation_is_enough_for_a_feasible_network(space, strategy):
    problem = Problem(space, {"macs": 0.3}, 1)
    found = solve(problem, strategy, lambda _: 1.0, 0)
    assert problem.feasible(found.ranking()[0])


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
def test_a_limit_that_only_the_smallest_network_keeps(space, strategy):
    problem = Problem(space, {"macs": 1.0}, 1)
    least = problem.share("macs", problem.smallest())
    tight = Problem(space, {"macs": least}, 12)
    found = solve(tight, strategy, lambda _: 1.0, 0)
    assert tight.share("macs", found.ranking()[0]) == least


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: type(s).__name__)
def test_a_network_within_the_limit_is_found_even_when_the_time_is_up(space, strategy):
    problem = Problem(space, {"macs": 0.5}, 40)
    found = solve(problem, strategy, lambda _: 1.0, 0, over=lambda: True)
    assert len(found.losses) == 1
    assert problem.feasible(found.ranking()[0])
    assert not found.complete


@pytest.mark.parametrize("strategy", [*STRATEGIES, ParzenEstimator(random=2)], ids=lambda s: type(s).__name__)
def test_what_is_proposed_follows_from_history_and_seed_alone(space, strategy):
    problem = Problem(space, {"macs": 0.5}, 30)
    history = solve(problem, strategy, _planted(space), 5).history
    again = Problem(space, {"macs": 0.5}, 30)
    for count in (0, 7, 13, len(history) - 1):
        assert strategy.ask(again, history[:count], 5) == history[count].proposal
    assert solve(again, strategy, _planted(space), 5).history == history
    assert solve(again, strategy, _planted(space), 6).history != history


def test_the_estimator_of_recipes_searches_architectures_too(space):
    problem, loss = Problem(space, {"macs": 0.5}, 40), _planted(space)
    guided = [min(solve(problem, ParzenEstimator(), loss, seed).losses.values()) for seed in range(2)]
    random = [min(solve(problem, RandomSearch(), loss, seed).losses.values()) for seed in range(2)]
    assert np.mean(guided) < np.mean(random)
    point = {name: len(options.values) - 1 for name, options in problem.dimensions.items()}
    assert problem.feasible(problem.build(point).candidate)
