"""What a score is: one row of numbers per example, and a reduction over rows.

Rows make two models comparable in pairs, and make every score a bootstrap away from an interval, including those that
are no mean (AUC, F1, perplexity, mIoU, rank correlation).
"""

import abc
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from paredown.errors import TaskError

__all__ = ["Array", "MeanScore", "Score", "resampled"]

Array = NDArray[np.floating[Any]]


@runtime_checkable
class Score(Protocol):
    """What a task's score must offer.

    Attributes:
        name: for people, for example ``accuracy``.
        unit: ``%`` for scores from 0 to 100, else a word of its own (``mse``), or empty.
        higher_is_better: the direction.
        binary: every row is one number that is 0 or 1, so McNemar's test applies.

    """

    @property
    def name(self) -> str:
        """For people."""

    @property
    def unit(self) -> str:
        """``%``, a word, or empty."""

    @property
    def higher_is_better(self) -> bool:
        """The direction."""

    @property
    def binary(self) -> bool:
        """Rows are 0 or 1."""

    def rows(self, outputs: Any, target: Any) -> torch.Tensor:
        """Numbers per example, ``[n, k]``, from a batch of outputs and targets."""

    def reduce(self, rows: Array) -> float:
        """The score of these examples, in `unit`; the order of rows does not matter."""


class MeanScore(abc.ABC):
    """A score that is a function of the column means of its rows, so that resampling is one matrix product."""

    @abc.abstractmethod
    def finish(self, means: Array) -> Array:
        """Scores ``[...]`` from column means ``[..., k]``."""

    def reduce(self, rows: Array) -> float:
        """The score of rows ``[n, k]``."""
        return float(self.finish(np.asarray(rows, dtype=np.float64).mean(axis=0)))

    def reduce_many(self, rows: Array, weights: Array) -> Array:
        """Scores ``[r]`` of ``r`` resamples; ``weights [r, n]`` counts how often each row was drawn."""
        rows = np.asarray(rows, dtype=np.float64)
        weights = np.asarray(weights, dtype=np.float64)
        return self.finish(weights @ rows / weights.sum(axis=1, keepdims=True))


def resampled(score: Score, rows: Array, weights: Array) -> Array:
    """Scores ``[r]`` of many resamples of the same rows.

    Uses the score's own ``reduce_many(rows, weights)`` where it has one (all of Paredown's have), else repeats rows
    and reduces once per resample.

    Args:
        score: the score.
        rows: ``[n, k]``.
        weights: ``[r, n]``, whole numbers: how often each row was drawn. Ten thousand examples and a thousand
            resamples are 80 MB, so pass them in portions.

    """
    many = getattr(score, "reduce_many", None)
    if many is not None:
        return np.asarray(many(rows, weights), dtype=np.float64)
    positions = np.arange(len(rows))
    counts = np.asarray(weights).astype(np.int64)
    return np.array([score.reduce(rows[np.repeat(positions, count)]) for count in counts], dtype=np.float64)


def as_tensor(thing: Any, what: str) -> torch.Tensor:
    """Outputs or targets as a detached CPU tensor; arrays of a runtime are welcome.

    Raises:
        TaskError: it is neither tensor nor array.

    """
    if isinstance(thing, torch.Tensor):
        return thing.detach().cpu()
    if isinstance(thing, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(thing))
    msg = (
        f"The score was given a {type(thing).__name__} as {what}; it takes a tensor. "
        f"Say which one with Task(logits=...), or write scores.of(function) for structured outputs."
    )
    raise TaskError(msg)


def classes(outputs: torch.Tensor) -> torch.Tensor:
    """Predicted class per example ``[n]`` from logits ``[n, C]``, or ``[n]`` and ``[n, 1]`` with zero as threshold."""
    if outputs.ndim == 2 and outputs.shape[1] > 1:
        return outputs.argmax(dim=1)
    if outputs.ndim == 1 or (outputs.ndim == 2 and outputs.shape[1] == 1):
        return (outputs.reshape(-1) > 0).long()
    msg = (
        f"A score over classes was given outputs of shape {list(outputs.shape)}; it takes logits [n, classes]. "
        f"For dense predictions use scores.miou(classes), for text scores.perplexity."
    )
    raise TaskError(msg)


def labels(target: torch.Tensor, n: int) -> torch.Tensor:
    """True class per example ``[n]`` from indices, ``[n, 1]``, or one-hot and soft labels ``[n, C]``."""
    if target.ndim == 2 and target.shape[1] > 1:
        target = target.argmax(dim=1)
    target = target.reshape(-1)
    if len(target) != n:
        msg = f"The score was given {n} outputs and {len(target)} targets; it takes one class per example."
        raise TaskError(msg)
    return target.long()


def pair(outputs: Any, target: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs and target of a regression as float64 of one shape, never broadcast against each other."""
    got, want = as_tensor(outputs, "outputs").double(), as_tensor(target, "target").double()
    if got.shape == want.shape:
        return got, want
    if got.numel() == want.numel() and len(got) == len(want):
        return got, want.reshape(got.shape)
    msg = (
        f"The score was given outputs of shape {list(got.shape)} and targets of shape {list(want.shape)}; "
        f"they must have one shape. Say what to compare with Task(logits=...)."
    )
    raise TaskError(msg)
