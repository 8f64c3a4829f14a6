"""Cutting little by little, with training in between, as plain steps of a recipe."""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import TypeVar

from paredown.errors import RecipeError
from paredown.prune.channels import Channels
from paredown.prune.sparse import Weights
from paredown.recipe import Train

__all__ = ["gradual", "iterative"]

_Cut = TypeVar("_Cut", Channels, Weights)


def iterative(cut: _Cut, train: Train, rounds: int = 3) -> tuple[_Cut | Train, ...]:
    """Cut and train in rounds, each with the same share of what is left.

    After round ``t`` of ``n`` the share ``k ** (t / n)`` of the network is left, where ``k`` is what `cut` keeps in all:
    its `keep`, or the goal of its allocation; of `Weights` what its pattern leaves. Iterative pruning: Han, Pool, Tran,
    Dally: "Learning both weights and connections for efficient neural networks", NIPS 2015, arXiv:1506.02626. Counts
    are rounded in every round.

    Args:
        cut: what the whole schedule comes to; its criterion ranks anew in every round.
        train: what follows every cut, each time with another seed and its whole schedule of learning rates: learning
            rate rewinding (Renda, Frankle, Carbin, ICLR 2020, arXiv:2003.02389). After `Weights`, `regularize.Rewind`
            in it rewinds the weights too: lottery tickets (Frankle, Carbin, ICLR 2019, arXiv:1803.03635).
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


def gradual(cut: _Cut, train: Train, rounds: int = 5) -> tuple[_Cut | Train, ...]:
    """Cut and train in rounds, much at first and ever less.

    After round ``t`` of ``n`` the share ``k + (1 - k) (1 - t / n) ** 3`` of the network is left, where ``k`` is what
    `cut` keeps in all: its `keep`, or the goal of its allocation; of `Weights` what its pattern leaves. The cubic
    schedule of Zhu, Gupta: "To prune, or not to prune: exploring the efficacy of pruning for model compression", 2017,
    arXiv:1710.01878 (equation 1, from a network that is whole), for weights as there and for structures. Counts are
    rounded in every round.

    Args:
        cut: what the whole schedule comes to.
        train: what follows every cut, as in `iterative`.
        rounds: number of cuts.

    Returns:
        Steps for `paredown.apply`, a cut and a training per round.

    Raises:
        RecipeError: there is less than one round.

    Example:
        >>> from paredown import Train, prune
        >>> [round(step.keep, 3) for step in prune.gradual(prune.Channels(keep=0.2), Train(), rounds=2)[::2]]
        [0.3, 0.667]
        >>> sparse = prune.Weights(prune.Unstructured(sparsity=0.8))
        >>> [round(step.pattern.sparsity, 3) for step in prune.gradual(sparse, Train(), rounds=2)[::2]]
        [0.7, 0.8]

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


def _goal(cut: Channels | Weights) -> float:
    if isinstance(cut, Weights):
        return cut.pattern.left
    return cut.keep if cut.allocation.goal is None else cut.allocation.goal


def _steps(cut: _Cut, train: Train, left: Sequence[float]) -> tuple[_Cut | Train, ...]:
    """A cut and a training per round, for the shares of the whole that are left before the first and after each."""
    steps: list[_Cut | Train] = []
    for number, (before, after) in enumerate(itertools.pairwise(left)):
        steps.append(_leaving(cut, before, after))
        steps.append(dataclasses.replace(train, seed=train.seed + number))
    return tuple(steps)


def _leaving(cut: _Cut, before: float, after: float) -> _Cut:
    """The cut that leaves so much of the whole where so much of it is left before: zeros count, cut channels do not."""
    if isinstance(cut, Weights):
        return dataclasses.replace(cut, pattern=cut.pattern.leaving(after))
    goal = after / before
    if cut.allocation.goal is None:
        return dataclasses.replace(cut, keep=goal)
    return dataclasses.replace(cut, allocation=cut.allocation.toward(goal))
