"""Making weights sparse little by little, with training in between, as plain steps of a recipe."""

import dataclasses
from collections.abc import Sequence

from paredown.errors import RecipeError
from paredown.prune.sparse.pattern import Unstructured
from paredown.prune.sparse.weights import Weights
from paredown.recipe import Train

__all__ = ["gradual_sparsity", "iterative_sparsity"]


def gradual_sparsity(sparse: Weights, train: Train, rounds: int = 5) -> tuple[Weights | Train, ...]:
    """Make weights sparse and train in rounds, much at first and ever less: gradual magnitude pruning.

    After round ``t`` of ``n`` the share ``s (1 - (1 - t / n) ** 3)`` of the weights is 0, where ``s`` is what `sparse` comes
    to: equation 1 of Zhu, Gupta: "To prune, or not to prune: exploring the efficacy of pruning for model compression",
    2017, arXiv:1710.01878, from a dense network. A pattern of neighbours goes through whole counts.

    Args:
        sparse: what the whole schedule comes to; its method chooses anew in every round, and zeros stay.
        train: what follows every choice, each time with another seed and its whole learning rate schedule: learning
            rate rewinding (Renda, Frankle, Carbin, ICLR 2020, arXiv:2003.02389). With `regularize.Rewind` in it
            weights rewind too.
        rounds: number of choices.

    Returns:
        Steps for `paredown.apply`, a choice and a training per round.

    Raises:
        RecipeError: there is less than one round.

    Example:
        >>> from paredown import Train, prune
        >>> steps = prune.gradual_sparsity(prune.Weights(prune.Unstructured(0.8)), Train(), rounds=2)
        >>> [round(step.pattern.sparsity, 3) for step in steps[::2]]
        [0.7, 0.8]

    """
    _check("gradual_sparsity", rounds)
    return _steps(sparse, train, [1.0 - (1.0 - number / rounds) ** 3 for number in range(1, rounds + 1)])


def iterative_sparsity(sparse: Weights, train: Train, rounds: int = 3) -> tuple[Weights | Train, ...]:
    """Make weights sparse and train in rounds, each time the same share of the weights that are left.

    After round ``t`` of ``n`` the share ``1 - (1 - s) ** (t / n)`` of the weights is 0, where ``s`` is what `sparse` comes to:
    Han et al., NIPS 2015, arXiv:1506.02626, as in Frankle, Carbin: "The lottery ticket hypothesis: finding sparse,
    trainable neural networks", ICLR 2019, arXiv:1803.03635. A pattern of neighbours goes through whole counts, evenly.

    Args:
        sparse: what the whole schedule comes to; see `gradual_sparsity`.
        train: what follows every choice; see `gradual_sparsity`.
        rounds: number of choices.

    Returns:
        Steps for `paredown.apply`, a choice and a training per round.

    Raises:
        RecipeError: there is less than one round.

    Example:
        >>> from paredown import Train, prune
        >>> steps = prune.iterative_sparsity(prune.Weights(prune.Unstructured(0.75)), Train(), rounds=2)
        >>> [round(step.pattern.sparsity, 3) for step in steps[::2]]
        [0.5, 0.75]

    """
    _check("iterative_sparsity", rounds)
    goal = sparse.pattern.sparsity if isinstance(sparse.pattern, Unstructured) else 0.0
    shares = [
        (1.0 - (1.0 - goal) ** (number / rounds)) / goal if goal else number / rounds for number in range(1, rounds + 1)
    ]
    return _steps(sparse, train, shares)


def _check(name: str, rounds: int) -> None:
    if rounds < 1:
        msg = f"{name}(rounds={rounds}) was given; a schedule has one round or more. Write {name}(sparse, train, rounds=3)."
        raise RecipeError(msg)


def _steps(sparse: Weights, train: Train, shares: Sequence[float]) -> tuple[Weights | Train, ...]:
    """A choice and a training per round, for the shares of the whole sparsity after each; the last one is all of it."""
    steps: list[Weights | Train] = []
    for number, share in enumerate(shares, 1):
        last = number == len(shares)
        steps.append(sparse if last else dataclasses.replace(sparse, pattern=sparse.pattern.toward(share)))
        steps.append(dataclasses.replace(train, seed=train.seed + number - 1))
    return tuple(steps)
