"""Scores: numbers per example and a reduction over examples.

``accuracy``, ``f1``, ``auc``, ``squared_error``, ``root_squared_error``, ``absolute_error``, ``spearman``,
``perplexity`` and ``causal_perplexity`` are ready to use; ``top_accuracy(5)`` and ``miou(21)`` need a number; ``of(f)`` makes a score of a function.
"""

from paredown.scores.classification import F1, Accuracy, Auc
from paredown.scores.dense import MeanIou, Perplexity
from paredown.scores.function import FunctionScore, of
from paredown.scores.regression import AbsoluteError, Spearman, SquaredError
from paredown.scores.score import MeanScore, Score, resampled

__all__ = [
    "F1",
    "AbsoluteError",
    "Accuracy",
    "Auc",
    "FunctionScore",
    "MeanIou",
    "MeanScore",
    "Perplexity",
    "Score",
    "Spearman",
    "SquaredError",
    "absolute_error",
    "accuracy",
    "auc",
    "causal_perplexity",
    "f1",
    "miou",
    "of",
    "perplexity",
    "resampled",
    "root_squared_error",
    "spearman",
    "squared_error",
    "top_accuracy",
]

accuracy = Accuracy()
f1 = F1()
auc = Auc()
squared_error = SquaredError()
root_squared_error = SquaredError(root=True)
absolute_error = AbsoluteError()
spearman = Spearman()
perplexity = Perplexity()
causal_perplexity = Perplexity(shift=True)


def top_accuracy(k: int) -> Accuracy:
    """Share of examples whose class is among the `k` most likely ones, in per cent."""
    return Accuracy(k)


def miou(classes: int, ignore: int = 255) -> MeanIou:
    """Mean intersection over union over so many classes, in per cent; pixels of class `ignore` do not count."""
    return MeanIou(classes, ignore)
