"""Quality of a file and what it lost against the original, in pairs of the same examples."""

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from paredown.errors import InputError
from paredown.measure import bootstrap, proportions
from paredown.measure.interval import Interval

if TYPE_CHECKING:
    from paredown.scores import Score

__all__ = ["Quality", "as_rows", "is_share", "quality"]

Numbers = NDArray[np.floating[Any]]


@dataclasses.dataclass(frozen=True)
class Quality:
    """A score and its loss, in the score's unit.

    Attributes:
        score: of this file.
        drop: what was lost against the original, positive = worse, from paired examples; exactly 0 where the file was
            compared with itself.
        score_bounds, drop_bounds: the same at 90 %, so each end is a one-sided 95 % bound.
        n: examples.
        method: how the intervals were made, in words.
        discordant: for right-or-wrong scores: examples that only the original, and only this file, has right.
        mcnemar: exact p-value that both are right equally often; None for other scores.

    """

    score: Interval
    drop: Interval
    score_bounds: Interval
    drop_bounds: Interval
    n: int
    method: str
    discordant: tuple[int, int] | None = None
    mcnemar: float | None = None


def quality(  # noqa: PLR0913 (one call, everything about it in sight)
    rows: Any, original: Any, score: "Score", *, times: int = 2000, seed: int = 0, confidence: float = 0.95
) -> Quality:
    """Score a file and compare it with the original, example by example.

    Right-or-wrong scores get Wilson's and Tango's intervals and McNemar's exact test; all others a paired bootstrap
    over examples (BCa).

    Args:
        rows: ``score.rows`` of this file on a split, ``[n, k]``.
        original: the original's rows on the same split in the same order.
        score: the task's score.
        times: resamples of the bootstrap.
        seed: of the resamples.
        confidence: coverage of ``score`` and ``drop``.

    Raises:
        InputError: no examples, different numbers of examples, or rows that are not finite.

    """
    own, other = as_rows(rows, "file"), as_rows(original, "original")
    if own.shape != other.shape:
        msg = (
            f"The file has rows of shape {list(own.shape)} and the original {list(other.shape)}; they are compared "
            "example by example. Score both on the same split."
        )
        raise InputError(msg)
    if is_share(score, own) and is_share(score, other):
        found = _shares(own[:, 0], other[:, 0], score, confidence)
        return _nothing_lost(found) if rows is original else found
    return _resampled((own, other), score, confidence, times, seed)


def as_rows(rows: Any, whose: str) -> Numbers:
    """Rows of a score as an array ``[n, k]``.

    Raises:
        InputError: no examples, another shape, or rows that are not finite.

    """
    array = np.asarray(rows.detach().cpu().numpy() if hasattr(rows, "detach") else rows, dtype=float)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or len(array) == 0:
        msg = (
            f"The rows of the {whose} have the shape {list(array.shape)}; there is one row of numbers per example. "
            "Pass `score.rows(outputs, target)` of a split that is not empty."
        )
        raise InputError(msg)
    if not np.isfinite(array).all():
        count = int((~np.isfinite(array)).any(1).sum())
        msg = (
            f"{count} of {len(array)} rows of the {whose} are not finite, so there is no score. "
            "Look for NaN in the outputs of the file on these examples."
        )
        raise InputError(msg)
    return array


def is_share(score: "Score", rows: Numbers) -> bool:
    """Whether the score is a share of right answers times a unit, as accuracy is."""
    if not score.binary or rows.shape[1] != 1 or not np.isin(rows, (0.0, 1.0)).all():
        return False
    zero, one = score.reduce(np.zeros((1, 1))), score.reduce(np.ones((1, 1)))
    return bool(np.isclose(score.reduce(rows), zero + (one - zero) * rows.mean(), rtol=1e-6))


def _shares(own: Numbers, other: Numbers, score: "Score", confidence: float) -> Quality:
    zero = score.reduce(np.zeros((1, 1)))
    unit = score.reduce(np.ones((1, 1))) - zero
    lost, won = int(np.sum((other == 1) & (own == 0))), int(np.sum((other == 0) & (own == 1)))
    count, hits = len(own), float(own.sum())

    def of_score(level: float) -> Interval:
        low, high = sorted(zero + unit * edge for edge in proportions.wilson(hits, count, level))
        return Interval(zero + unit * hits / count, low, high, level)

    of_drop = proportions.PairedShares(lost, won, count, unit if score.higher_is_better else -unit)
    return Quality(
        score=of_score(confidence),
        drop=of_drop.interval(confidence),
        score_bounds=of_score(2 * confidence - 1),
        drop_bounds=of_drop.interval(2 * confidence - 1),
        n=count,
        method="Wilson's interval for the score, Tango's for the drop, McNemar's exact test",
        discordant=(lost, won),
        mcnemar=proportions.mcnemar(lost, won),
    )


def _nothing_lost(found: Quality) -> Quality:
    # The very same rows: not a file that happens to agree, but the original itself.
    none = Interval(0.0, 0.0, 0.0, found.drop.confidence)
    return dataclasses.replace(
        found, drop=none, drop_bounds=dataclasses.replace(none, confidence=found.drop_bounds.confidence)
    )


def _resampled(pair: tuple[Numbers, Numbers], score: "Score", confidence: float, times: int, seed: int) -> Quality:
    own, other = pair
    drawn = bootstrap.replicates(score, [own, other], times, seed)
    left_out = bootstrap.jackknife(score, [own, other], seed)
    sign = 1.0 if score.higher_is_better else -1.0
    value = score.reduce(own)
    of_score = bootstrap.Resampled.of(value, drawn[0], left_out[0])
    of_drop = bootstrap.Resampled.of(
        sign * (score.reduce(other) - value), sign * (drawn[1] - drawn[0]), sign * (left_out[1] - left_out[0])
    )
    return Quality(
        score=of_score.interval(confidence),
        drop=of_drop.interval(confidence),
        score_bounds=of_score.interval(2 * confidence - 1),
        drop_bounds=of_drop.interval(2 * confidence - 1),
        n=len(own),
        method=f"paired bootstrap over examples (BCa, {times} resamples)",
    )
