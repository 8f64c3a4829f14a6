"""Scores over numbers: squared and absolute error, and rank correlation."""

import dataclasses
from typing import Any

import numpy as np
import torch

from paredown.errors import TaskError
from paredown.scores.score import Array, MeanScore, pair

__all__ = ["AbsoluteError", "Spearman", "SquaredError"]


@dataclasses.dataclass(frozen=True)
class SquaredError(MeanScore):
    """Mean squared error, or its root. Rows: ``[n, 1]``, the mean over an example's outputs."""

    root: bool = False
    higher_is_better = False
    binary = False

    @property
    def name(self) -> str:
        """``squared error``, or ``root mean squared error``."""
        return "root mean squared error" if self.root else "squared error"

    @property
    def unit(self) -> str:
        """``mse`` or ``rmse``."""
        return "rmse" if self.root else "mse"

    def rows(self, outputs: Any, target: Any) -> torch.Tensor:
        """Mean squared error of each example."""
        got, want = pair(outputs, target)
        return (got - want).square().reshape(len(got), -1).mean(dim=1, keepdim=True)

    def finish(self, means: Array) -> Array:
        """The mean, or its root."""
        return np.asarray(np.sqrt(means[..., 0]) if self.root else means[..., 0])


@dataclasses.dataclass(frozen=True)
class AbsoluteError(MeanScore):
    """Mean absolute error. Rows: ``[n, 1]``, the mean over an example's outputs."""

    name = "absolute error"
    unit = "mae"
    higher_is_better = False
    binary = False

    def rows(self, outputs: Any, target: Any) -> torch.Tensor:
        """Mean absolute error of each example."""
        got, want = pair(outputs, target)
        return (got - want).abs().reshape(len(got), -1).mean(dim=1, keepdim=True)

    def finish(self, means: Array) -> Array:
        """The mean."""
        return np.asarray(means[..., 0])


@dataclasses.dataclass(frozen=True)
class Spearman:
    """Spearman's rank correlation of one output and one target. Rows: ``[n, 2]``; ties share their mean rank."""

    name = "Spearman"
    unit = "rho"
    higher_is_better = True
    binary = False

    def rows(self, outputs: Any, target: Any) -> torch.Tensor:
        """Output and target."""
        got, want = pair(outputs, target)
        if got.numel() != len(got):
            msg = (
                f"Spearman was given outputs of shape {list(got.shape)}; it takes one number per example. "
                f"Pick one with Task(logits=lambda out: out[:, 0])."
            )
            raise TaskError(msg)
        return torch.stack([got.reshape(-1), want.reshape(-1)], dim=1)

    def reduce(self, rows: Array) -> float:
        """Correlation of the ranks; NaN where one side is constant."""
        return float(self.reduce_many(rows, np.ones((1, len(rows))))[0])

    def reduce_many(self, rows: Array, weights: Array) -> Array:
        """Correlation of ``r`` resamples; both columns are sorted once."""
        weights = np.asarray(weights, dtype=np.float64)
        left, right = (_ranks(np.asarray(rows[:, column], dtype=np.float64), weights) for column in (0, 1))
        total = weights.sum(axis=1, keepdims=True)
        left -= (weights * left).sum(axis=1, keepdims=True) / total
        right -= (weights * right).sum(axis=1, keepdims=True) / total
        spread = (weights * left**2).sum(axis=1) * (weights * right**2).sum(axis=1)
        together = (weights * left * right).sum(axis=1)
        return np.where(spread > 0, together / np.sqrt(np.where(spread > 0, spread, 1.0)), np.nan)


def _ranks(values: Array, weights: Array) -> Array:
    """Mean rank ``[r, n]`` of every value within each resample."""
    order = np.argsort(values, kind="stable")
    fresh = np.r_[True, np.diff(values[order]) != 0]
    counts = np.add.reduceat(weights[:, order], np.flatnonzero(fresh), axis=1)
    ranks = np.cumsum(counts, axis=1) - (counts - 1) / 2
    out = np.empty_like(weights)
    out[:, order] = ranks[:, np.cumsum(fresh) - 1]
    return out
