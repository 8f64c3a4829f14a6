"""Scores over classes: accuracy, F1 and the area under the receiver operating characteristic."""

import dataclasses
from typing import Any

import numpy as np
import torch

from paredown.errors import TaskError
from paredown.scores.score import Array, MeanScore, as_tensor, classes, labels

__all__ = ["F1", "Accuracy", "Auc"]


@dataclasses.dataclass(frozen=True)
class Accuracy(MeanScore):
    """Share of examples whose class is among the `k` most likely ones, in per cent.

    Rows: ``[n, 1]``, 1 where right. Outputs: logits ``[n, C]``, or ``[n]`` and ``[n, 1]`` for two classes.
    """

    k: int = 1
    unit = "%"
    higher_is_better = True
    binary = True

    @property
    def name(self) -> str:
        """``accuracy``, or ``top-5 accuracy``."""
        return "accuracy" if self.k == 1 else f"top-{self.k} accuracy"

    def rows(self, outputs: Any, target: Any) -> torch.Tensor:
        """1 where the prediction is right, else 0."""
        logits = as_tensor(outputs, "outputs")
        true = labels(as_tensor(target, "target"), len(logits))
        if self.k == 1:
            right = classes(logits) == true
        elif logits.ndim == 2 and logits.shape[1] >= self.k:
            right = (logits.topk(self.k, dim=1).indices == true[:, None]).any(dim=1)
        else:
            msg = f"{self.name} was given outputs of shape {list(logits.shape)}; it takes logits [n, {self.k} or more]."
            raise TaskError(msg)
        return right.to(torch.float32)[:, None]

    def finish(self, means: Array) -> Array:
        """Per cent."""
        return np.asarray(100.0 * means[..., 0])


@dataclasses.dataclass(frozen=True)
class F1:
    """Harmonic mean of precision and recall, averaged over the classes that occur (macro), in per cent.

    Rows: ``[n, 2]``, predicted and true class; the same numbers as scikit-learn's ``f1_score(average="macro")``.
    """

    name = "F1"
    unit = "%"
    higher_is_better = True
    binary = False

    def rows(self, outputs: Any, target: Any) -> torch.Tensor:
        """Predicted and true class."""
        logits = as_tensor(outputs, "outputs")
        return torch.stack([classes(logits), labels(as_tensor(target, "target"), len(logits))], dim=1).double()

    def reduce(self, rows: Array) -> float:
        """Macro F1 of these rows."""
        return float(self.reduce_many(rows, np.ones((1, len(rows))))[0])

    def reduce_many(self, rows: Array, weights: Array) -> Array:
        """Macro F1 of ``r`` resamples; three weighted counts each."""
        predicted, true = (np.asarray(rows[:, column], dtype=np.int64) for column in (0, 1))
        n_classes = int(max(predicted.max(), true.max())) + 1
        right = predicted == true
        out = np.empty(len(weights))
        for i, weight in enumerate(np.asarray(weights, dtype=np.float64)):
            hits = np.bincount(true[right], weight[right], n_classes)
            total = np.bincount(predicted, weight, n_classes) + np.bincount(true, weight, n_classes)
            out[i] = 100.0 * np.mean(2.0 * hits[total > 0] / total[total > 0])
        return out


@dataclasses.dataclass(frozen=True)
class Auc:
    """Area under the receiver operating characteristic, in per cent; one-vs-rest and macro for many classes.

    Rows: ``[n, 2]`` (score of the positive class, label) for two classes, ``[n, C + 1]`` (probabilities, label) for
    more. Ties count half. Resamples in which a class is missing leave it out; without any pair they give NaN.
    """

    name = "AUC"
    unit = "%"
    higher_is_better = True
    binary = False

    def rows(self, outputs: Any, target: Any) -> torch.Tensor:
        """Scores and label."""
        logits = as_tensor(outputs, "outputs").double()
        classes(logits[:1])  # refuses shapes that are no logits
        true = labels(as_tensor(target, "target"), len(logits)).double()[:, None]
        if logits.ndim == 1 or logits.shape[1] == 1:
            return torch.cat([logits.reshape(-1, 1), true], dim=1)
        if logits.shape[1] == 2:
            return torch.cat([logits[:, 1:] - logits[:, :1], true], dim=1)
        return torch.cat([logits.softmax(dim=1), true], dim=1)

    def reduce(self, rows: Array) -> float:
        """AUC of these rows; NaN where only one class occurs."""
        return float(self.reduce_many(rows, np.ones((1, len(rows))))[0])

    def reduce_many(self, rows: Array, weights: Array) -> Array:
        """AUC of ``r`` resamples; the rows are sorted once per class."""
        rows, weights = np.asarray(rows, dtype=np.float64), np.asarray(weights, dtype=np.float64)
        label = rows[:, -1]
        if rows.shape[1] == 2:
            return 100.0 * _area(rows[:, 0], label > 0.5, weights)
        areas = np.stack([_area(rows[:, c], label == c, weights) for c in range(rows.shape[1] - 1)])
        known = np.isfinite(areas)
        count = known.sum(axis=0)
        return np.where(count > 0, 100.0 * np.where(known, areas, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _area(scores: Array, positive: np.ndarray[Any, Any], weights: Array) -> Array:
    """Share of (positive, negative) pairs that are in the right order, per row of weights."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) != 0])
    sorted_weights, sorted_positive = weights[:, order], positive[order]
    up = np.add.reduceat(sorted_weights * sorted_positive, starts, axis=1)
    down = np.add.reduceat(sorted_weights * ~sorted_positive, starts, axis=1)
    below = np.cumsum(down, axis=1) - down
    pairs = up.sum(axis=1) * down.sum(axis=1)
    ordered = (up * (below + 0.5 * down)).sum(axis=1)
    return np.where(pairs > 0, ordered / np.where(pairs > 0, pairs, 1.0), np.nan)
