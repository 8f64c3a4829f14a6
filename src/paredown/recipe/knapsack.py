"""Choose a level for every item so that the whole costs no more than allowed and least is lost."""

import math
from collections.abc import Callable, Sequence

__all__ = ["knapsack"]

Choice = tuple[int, ...]


def knapsack(
    lost: Sequence[Sequence[float]], cost: Callable[[Choice], float], goal: float, start: Choice | None = None
) -> Choice | None:
    """A greedy solution for costs that need not be sums.

    From the costliest levels down: the step that saves most for what it loses is taken until the goal is kept. A step
    may go down several levels at once, for costs come in stairs. Then levels are put back, the greatest loss first, as
    long as the goal is still kept.

    Args:
        lost: per item what each level loses, falling; the last level is the whole item and loses nothing.
        cost: of a choice (one level per item), not rising when a level falls.
        goal: largest cost that is allowed.
        start: levels to begin with; the last ones where not given.

    Returns:
        One level per item, None where even the lowest levels cost too much.

    """
    choice = start or tuple(len(levels) - 1 for levels in lost)
    spent = cost(choice)
    while spent > goal:
        step = _step(lost, cost, choice, spent)
        if step is None:
            return None
        choice, spent = step
    return _refilled(lost, cost, choice, goal)


def _step(
    lost: Sequence[Sequence[float]], cost: Callable[[Choice], float], choice: Choice, spent: float
) -> tuple[Choice, float] | None:
    best, found = -math.inf, None
    for item, level in enumerate(choice):
        for lower in range(level):
            option = (*choice[:item], lower, *choice[item + 1 :])
            then = cost(option)
            saved = spent - then
            worth = saved / max(lost[item][lower] - lost[item][level], 1e-12)
            if saved > 0 and worth > best:
                best, found = worth, (option, then)
    return found


def _refilled(lost: Sequence[Sequence[float]], cost: Callable[[Choice], float], choice: Choice, goal: float) -> Choice:
    while True:
        options = [
            (lost[item][level] - lost[item][higher], (*choice[:item], higher, *choice[item + 1 :]))
            for item, level in enumerate(choice)
            for higher in range(level + 1, len(lost[item]))
        ]
        regained = [(gain, option) for gain, option in options if gain > 0 and cost(option) <= goal]
        if not regained:
            return choice
        choice = max(regained)[1]
