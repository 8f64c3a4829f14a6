"""Scores with many predictions per example: perplexity over tokens and intersection over union over pixels."""

import dataclasses
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from paredown.errors import TaskError
from paredown.scores.score import Array, MeanScore, as_tensor

__all__ = ["MeanIou", "Perplexity"]


@dataclasses.dataclass(frozen=True)
class Perplexity(MeanScore):
    """Exponential of the mean negative log-likelihood per token. Rows: ``[n, 2]``, its sum and the token count.

    Outputs: logits ``[n, T, V]`` (or ``[n, V]``); target: token numbers ``[n, T]`` (or ``[n]``).

    Attributes:
        shift: the target is the input itself, so position ``t`` predicts token ``t + 1`` (causal language models).
        ignore: target number that does not count.

    """

    shift: bool = False
    ignore: int = -100
    name = "perplexity"
    unit = "ppl"
    higher_is_better = False
    binary = False

    def rows(self, outputs: Any, target: Any) -> torch.Tensor:
        """Sum of negative log-likelihoods and number of tokens that count."""
        logits, tokens = as_tensor(outputs, "outputs"), as_tensor(target, "target").long()
        if logits.shape[:-1] != tokens.shape:
            msg = (
                f"Perplexity was given outputs of shape {list(logits.shape)} and targets of shape "
                f"{list(tokens.shape)}; it takes logits [n, tokens, vocabulary] and token numbers [n, tokens]."
            )
            raise TaskError(msg)
        if self.shift:
            logits, tokens = logits[:, :-1], tokens[:, 1:]
        flat = functional.cross_entropy(
            logits.reshape(-1, logits.shape[-1]).double(),
            tokens.reshape(-1),
            reduction="none",
            ignore_index=self.ignore,
        )
        n = len(tokens)
        counts = (tokens != self.ignore).reshape(n, -1).sum(dim=1)
        return torch.stack([flat.reshape(n, -1).sum(dim=1), counts.double()], dim=1)

    def finish(self, means: Array) -> Array:
        """Exponential of total over count; NaN where no token counts."""
        counts = means[..., 1]
        return np.where(counts > 0, np.exp(means[..., 0] / np.where(counts > 0, counts, 1.0)), np.nan)


@dataclasses.dataclass(frozen=True)
class MeanIou(MeanScore):
    """Intersection over union of pixels, averaged over the classes that occur, in per cent.

    Outputs: logits ``[n, classes, ...]``; target: class numbers ``[n, ...]``. Rows: ``[n, 2 * classes]``, the
    intersections and the unions in pixels, so that sums over examples give the score of the whole set.

    Attributes:
        classes: number of classes.
        ignore: class number whose pixels do not count.

    """

    classes: int
    ignore: int = 255
    name = "mIoU"
    unit = "%"
    higher_is_better = True
    binary = False

    def rows(self, outputs: Any, target: Any) -> torch.Tensor:
        """Intersections and unions per class."""
        logits, true = as_tensor(outputs, "outputs"), as_tensor(target, "target").long()
        n = len(logits)
        if logits.ndim < 3 or logits.shape[1] != self.classes or (n, *logits.shape[2:]) != tuple(true.shape):
            msg = (
                f"mIoU over {self.classes} classes was given outputs of shape {list(logits.shape)} and targets of "
                f"shape {list(true.shape)}; it takes logits [n, {self.classes}, ...] and class numbers [n, ...]."
            )
            raise TaskError(msg)
        counts = (true != self.ignore).reshape(n, -1)
        true = torch.where(counts, true.reshape(n, -1), 0)
        if bool(((true < 0) | (true >= self.classes)).any()):
            msg = (
                f"mIoU over {self.classes} classes was given a target class {int(true.max())}. "
                f"Type scores.miou({int(true.max()) + 1}), or ignore={int(true.max())}."
            )
            raise TaskError(msg)
        predicted = logits.argmax(dim=1).reshape(n, -1)
        weight = counts.double()
        zeros = torch.zeros(n, self.classes, dtype=torch.float64)
        hit = zeros.scatter_add(1, true, weight * (predicted == true))
        union = zeros.scatter_add(1, true, weight) + zeros.scatter_add(1, predicted, weight) - hit
        return torch.cat([hit, union], dim=1)

    def finish(self, means: Array) -> Array:
        """Mean over classes with a union; NaN without any."""
        hit, union = means[..., : self.classes], means[..., self.classes :]
        known = union > 0
        ratio = np.where(known, hit / np.where(known, union, 1.0), 0.0)
        count = known.sum(axis=-1)
        return np.where(count > 0, 100.0 * ratio.sum(axis=-1) / np.maximum(count, 1), np.nan)
