"""Drawing examples so that every class keeps its share."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["Indices", "class_labels", "divided", "stratified"]

Indices = NDArray[np.int64]


def class_labels(targets: torch.Tensor | None) -> torch.Tensor | None:
    """Targets as class indices ``[n]``, or None where they are no classes (several per example, or real numbers)."""
    if targets is None or targets.is_floating_point() or targets.is_complex():
        return None
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    return targets.long() if targets.ndim == 1 else None


def stratified(targets: torch.Tensor | None, total: int, n: int, seed: int) -> Indices:
    """`n` of `total` indices in random order, each class in proportion (largest remainders); random without classes."""
    generator = np.random.default_rng(seed)
    labels = class_labels(targets)
    if labels is None:
        return generator.permutation(total)[:n]
    values = labels.numpy()
    names, counts = np.unique(values, return_counts=True)
    if len(names) > n:  # not even one each
        return generator.permutation(total)[:n]
    exact = counts * (n / total)
    take = np.floor(exact).astype(np.int64)
    missing = n - int(take.sum())
    ties = generator.permutation(len(names))  # of equal remainders any may win
    ranking = ties[np.argsort(-(exact - take)[ties], kind="stable")]
    take[ranking[:missing]] += 1
    parts = [
        generator.permutation(np.flatnonzero(values == name))[:count] for name, count in zip(names, take, strict=True)
    ]
    return generator.permutation(np.concatenate(parts))


def divided(targets: torch.Tensor | None, total: int, share: float, seed: int) -> tuple[Indices, Indices]:
    """All indices in two parts, the first with `share` of every class."""
    first = stratified(targets, total, min(max(1, round(total * share)), max(1, total - 1)), seed)
    rest: NDArray[Any] = np.ones(total, dtype=bool)
    rest[first] = False
    return first, np.random.default_rng(seed + 1).permutation(np.flatnonzero(rest))
