"""The knapsack: within the goal, near the best that brute force finds, stairs are taken at once."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paredown.recipe.knapsack import knapsack

ITEMS = st.lists(
    st.lists(st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)), min_size=2, max_size=4), min_size=1, max_size=4
)


def problem(steps):
    """Losses and sums of costs that rise level by level."""
    lost = [[sum(loss for loss, _ in item[level + 1 :]) for level in range(len(item))] for item in steps]
    costs = [[*itertools.accumulate(cost for _, cost in item)] for item in steps]
    return lost, lambda choice: sum(costs[item][level] for item, level in enumerate(choice))


def loss(lost, choice):
    return sum(lost[item][level] for item, level in enumerate(choice))


@settings(max_examples=200, deadline=None)
@given(ITEMS, st.floats(0, 1))
def test_the_goal_is_kept_and_nothing_more_fits(steps, part):
    lost, cost = problem(steps)
    least, whole = cost((0,) * len(lost)), cost(tuple(len(levels) - 1 for levels in lost))
    goal = least + part * (whole - least) + 1e-9
    choice = knapsack(lost, cost, goal)
    assert choice is not None
    assert cost(choice) <= goal
    for item, level in enumerate(choice):
        for higher in range(level + 1, len(lost[item])):
            assert cost((*choice[:item], higher, *choice[item + 1 :])) > goal


@settings(max_examples=100, deadline=None)
@given(ITEMS, st.floats(0, 1))
def test_no_more_is_lost_than_the_largest_step_beyond_the_best(steps, part):
    lost, cost = problem(steps)
    least, whole = cost((0,) * len(lost)), cost(tuple(len(levels) - 1 for levels in lost))
    goal = least + part * (whole - least) + 1e-9
    every = itertools.product(*(range(len(levels)) for levels in lost))
    best = min(loss(lost, choice) for choice in every if cost(choice) <= goal)
    assert loss(lost, knapsack(lost, cost, goal)) <= best + max(levels[0] for levels in lost) + 1e-9


def test_a_stair_is_taken_at_once():
    # The first level down saves nothing, the second saves all; the other item would lose more.
    costs = [[1.0, 4.0, 4.0], [1.0, 4.0]]
    choice = knapsack([[0.2, 0.1, 0.0], [5.0, 0.0]], lambda c: sum(costs[i][n] for i, n in enumerate(c)), 5.0)
    assert choice == (0, 1)


def test_what_costs_nothing_stays():
    choice = knapsack([[0.3, 0.0], [0.1, 0.0]], lambda c: 2.0 if c[1] else 1.0, 1.0)
    assert choice == (1, 0)


def test_a_goal_out_of_reach():
    assert knapsack([[1.0, 0.0]], lambda c: 1.0 + c[0], 0.5) is None


def test_it_may_begin_in_the_middle():
    cost = sum
    assert knapsack([[1.0, 0.5, 0.0]], cost, math.inf, start=(0,)) == (2,)
    assert knapsack([[1.0, 0.5, 0.0]], cost, 1, start=(1,)) == (1,)


@pytest.mark.parametrize("goal", [3.0, 2.0, 1.0])
def test_costs_need_not_be_sums(goal):
    def cost(choice):  # a product, as of a layer that reads one group and gives the other
        return (choice[0] + 1) * (choice[1] + 1)

    choice = knapsack([[2.0, 0.0], [1.0, 0.0]], cost, goal)
    assert cost(choice) <= goal
