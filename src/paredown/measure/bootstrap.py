"""Intervals by resampling examples, for scores of any kind."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from paredown.scores import Score

__all__ = ["bca", "jackknife", "p_above", "replicates"]

_PORTION = 4_000_000  # weights held at a time: 32 MB
_GROUPS = 200

Numbers = NDArray[np.floating[Any]]


def _draws(count: int, times: int, seed: int) -> Iterator[Numbers]:
    generator = np.random.default_rng(seed)
    step = max(1, _PORTION // count)
    for start in range(0, times, step):
        drawn = generator.integers(0, count, (min(step, times - start), count))
        yield np.stack([np.bincount(row, minlength=count) for row in drawn]).astype(float)


def replicates(score: "Score", files: Sequence[Numbers], times: int = 2000, seed: int = 0) -> Numbers:
    """Scores of resamples, the same examples drawn for every file.

    Args:
        score: the task's score.
        files: rows ``[n, k]`` of each file.
        times: number of resamples.
        seed: equal seeds, equal resamples.

    Returns:
        ``[files, times]``.

    """
    from paredown.scores import resampled  # noqa: PLC0415 (torch is heavy)

    portions = [
        np.stack([resampled(score, rows, weights) for rows in files]) for weights in _draws(len(files[0]), times, seed)
    ]
    return np.concatenate(portions, axis=1)


def jackknife(score: "Score", files: Sequence[Numbers], seed: int = 0) -> Numbers:
    """Scores with one of up to 200 random groups of examples left out, ``[files, groups]``."""
    from paredown.scores import resampled  # noqa: PLC0415

    count = len(files[0])
    groups = min(count, _GROUPS)
    member = np.random.default_rng(seed).permutation(count) % groups
    weights = (member[None, :] != np.arange(groups)[:, None]).astype(float)
    return np.stack([resampled(score, rows, weights) for rows in files])


def bca(estimate: float, draws: Numbers, left_out: Numbers, confidence: float = 0.95) -> tuple[float, float]:
    """Bias-corrected and accelerated interval (Efron 1987).

    Args:
        estimate: the statistic of all examples.
        draws: the statistic of each resample; those that could not be computed (NaN) are left out.
        left_out: the statistic without each group of examples.
        confidence: coverage.

    """
    from scipy.special import ndtr, ndtri  # noqa: PLC0415 (not needed in the worker)

    known = draws[np.isfinite(draws)]
    if not len(known):
        return -np.inf, np.inf
    if known.max() == known.min():
        return float(known[0]), float(known[0])
    below = (np.sum(known < estimate) + 0.5 * np.sum(known == estimate)) / len(known)
    bias = ndtri(np.clip(below, 1 / (len(known) + 1), 1 - 1 / (len(known) + 1)))
    change = left_out[np.isfinite(left_out)]
    change = change.mean() - change
    power = float(np.sum(change**2)) ** 1.5
    acceleration = float(np.sum(change**3)) / (6 * power) if power > 0 else 0.0
    z = ndtri([(1 - confidence) / 2, (1 + confidence) / 2])
    shifted = bias + (bias + z) / (1 - acceleration * (bias + z))
    low, high = np.quantile(known, ndtr(shifted))
    return float(low), float(high)


def p_above(draws: Numbers, bound: float) -> float:
    """One-sided p-value against "the statistic is at most `bound`": how often a resample is no larger."""
    known = draws[np.isfinite(draws)]
    return float((np.sum(known <= bound) + 0.5) / (len(known) + 1))


def difference(score: "Score") -> Callable[[Numbers, Numbers], Numbers]:
    """How the second file is worse than the first, in the score's unit: positive = worse."""
    sign = 1.0 if score.higher_is_better else -1.0
    return lambda first, second: sign * (first - second)
