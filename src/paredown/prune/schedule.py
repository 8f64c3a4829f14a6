"""Cutting little by little, with training in between, as plain steps of a recipe."""

import dataclasses
import itertools
from collections.abc import Sequence

from paredown.errors import RecipeError
from paredown.prune.channels import Channels
from paredown.recipe import Train

__all__ = ["gradual", "iterative"]


def iterative(cut: Channels, train: Train, rounds: int = 3) -> tuple[Channels | Train, ...]:
    """Cut and train in rounds, each with the same share of what is left.

    After round ``t`` of ``n`` the share ``k ** (t / n)`` of the network is left, where ``k`` is what `cut` keeps in all:
    its `keep`, or the goal of its allocation. Iterative pruning: Han, Pool, Tran, Dally: "Learning both weights and
    connections for efficient neural networks", NIPS 2015, arXiv:1506.02626. Counts are rounded in every round.

    Args:
        cut: what the whole schedule comes to; its criterion ranks anew in every round.
        train: what follows every cut, each time with another seed.
        rounds: number of cuts.

    Returns:
        Steps for `paredown.apply`, a cut and a training per round.

    Raises:
        RecipeError: there is less than one round.

    Example:
        >>> from paredown import Train, prune
        >>> [step.keep for step in prune.iterative(prune.Channels(keep=0.25), Train(), rounds=2)[::2]]
        [0.5, 0.5]

    """
    _check("iterative", rounds)
    whole = _goal(cut)
    return _steps(cut, train, [whole ** (number / rounds) for number in range(rounds + 1)])


def gradual(cut: Channels, train: Train, rounds: int = 5) -> tuple[Channels | Train, ...]:
    """Cut and train in rounds, much at first and ever less.

    After round ``t`` of ``n`` the share ``k + (1 - k) (1 - t / n) ** 3`` of the network is left, where ``k`` is what
    `cut` keeps in all: its `keep`, or the goal of its allocation. The cubic schedule of Zhu, Gupta: "To prune, or not to
    prune: exploring the efficacy of pruning for model compression", 2017, arXiv:1710.01878 (equation 1, from a network
    that is whole), for structures. Counts are rounded in every round.

    Args:
        cut: what the whole schedule comes to; its criterion ranks anew in every round.
        train: what follows every cut, each time with another seed.
        rounds: number of cuts.

    Returns:
        Steps for `paredown.apply`, a cut and a training per round.

    Raises:
        RecipeError: there is less than one round.

    Example:
        >>> from paredown import Train, prune
        >>> [round(step.keep, 3) for step in prune.gradual(prune.Channels(keep=0.2), Train(), rounds=2)[::2]]
        [0.3, 0.667]

    """
    _check("gradual", rounds)
    whole = _goal(cut)
    return _steps(cut, train, [whole + (1.0 - whole) * (1.0 - number / rounds) ** 3 for number in range(rounds + 1)])


def _check(name: str, rounds: int) -> None:
    if rounds < 1:
        msg = (
            f"{name}(rounds={rounds}) was given; a schedule has one round or more. Write {name}(cut, train, rounds=3)."
        )
        raise RecipeError(msg)


def _goal(cut: Channels) -> float:
    return cut.keep if cut.allocation.goal is None else cut.allocation.goal


def _steps(cut: Channels, train: Train, left: Sequence[float]) -> tuple[Channels | Train, ...]:
    """A cut and a training per round, for the shares of the whole that are left before the first and after each."""
    steps: list[Channels | Train] = []
    for number, (before, after) in enumerate(itertools.pairwise(left)):
        goal = after / before
        if cut.allocation.goal is None:
            steps.append(dataclasses.replace(cut, keep=goal))
        else:
            steps.append(dataclasses.replace(cut, allocation=cut.allocation.toward(goal)))
        steps.append(dataclasses.replace(train, seed=train.seed + number))
    return tuple(steps)
