"""Looking several times and still keeping the promise.

Pairs are added until a question is answered. Had each look the full 5 % to err, the whole would err more often. The
intervals are therefore repeated confidence intervals (Jennison and Turnbull 1989) with Pocock's constant nominal level
(Pocock 1977): whichever look one stops at, the interval covers the truth as often as stated.
"""

import functools
import itertools

import numpy as np
from numpy.typing import NDArray

__all__ = ["adjust", "adjust_one_sided", "level", "next_look", "schedule"]

_RUNS = 40_000


def schedule(least: int, most: int, looks: int = 4) -> tuple[int, ...]:
    """Numbers of pairs after which one looks, evenly spaced in their logarithm.

    >>> schedule(5, 16)
    (5, 7, 11, 16)
    >>> schedule(5, 5)
    (5,)

    """
    points = np.geomspace(least, most, looks)
    return tuple(sorted({int(point) for point in np.round(points)}))


@functools.lru_cache(maxsize=32)
def _smallest_p(looks: tuple[int, ...]) -> NDArray[np.float64]:
    # Two-sided p-values of the t-test at each look, smallest per run, where nothing is to be found; sorted.
    from scipy.special import stdtr  # noqa: PLC0415

    generator = np.random.default_rng(20260)
    values = generator.standard_normal((_RUNS, looks[-1]))
    smallest = np.ones(_RUNS)
    for look in looks:
        seen = values[:, :look]
        statistic = seen.mean(1) / (seen.std(1, ddof=1) / np.sqrt(look))
        smallest = np.minimum(smallest, 2 * stdtr(look - 1, -np.abs(statistic)))
    return np.sort(smallest)


def level(looks: tuple[int, ...], confidence: float = 0.95) -> float:
    """Two-sided error allowed at each look, so that all looks together err no more often than ``1 - confidence``."""
    if len(looks) == 1:
        return 1 - confidence
    return float(np.quantile(_smallest_p(looks), 1 - confidence))


def adjust(p: float, looks: tuple[int, ...]) -> float:
    """The p-value (two-sided) of one look, paid for all looks: the chance that any of them gives as small a one."""
    if len(looks) == 1:
        return min(p, 1.0)
    smallest = _smallest_p(looks)
    rank = int(np.searchsorted(smallest, p, side="right"))
    simulated = rank / len(smallest)
    return min(1.0, max(simulated, p) if rank else min(p * len(looks), 1.0))


def adjust_one_sided(p: float, looks: tuple[int, ...]) -> float:
    """The one-sided p-value of one look, paid for all looks, so that it agrees with an interval at `level`."""
    if len(looks) == 1:
        return p
    smaller = adjust(2 * min(p, 1 - p), looks) / 2
    return smaller if p <= 0.5 else 1 - smaller


def next_look(looks: tuple[int, ...], done: int) -> int | None:
    """The first look that is still ahead; None where all are done."""
    return next(itertools.dropwhile(lambda look: look <= done, looks), None)
