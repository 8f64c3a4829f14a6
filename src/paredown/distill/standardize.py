"""Logit standardization."""

import torch

__all__ = ["standardized"]

_EPSILON = 1e-7


def standardized(logits: torch.Tensor, axis: int) -> torch.Tensor:
    """Scores with mean 0 and standard deviation 1 along `axis`: ``(z - mean(z)) / std(z)``.

    The student then has to match which classes the teacher holds for likelier and by how much in comparison, not the
    size of its scores, which a smaller network cannot reach (Sun, Ren, Li, Wang & Cao 2024, arXiv:2403.01427;
    the temperature divides afterwards).
    """
    centred = logits - logits.mean(axis, keepdim=True)
    return centred / (centred.square().mean(axis, keepdim=True) + _EPSILON).sqrt()
