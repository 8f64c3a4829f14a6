"""Relational knowledge distillation."""

import dataclasses

import torch
from torch.nn import functional

from paredown.distill.feature_loss import FeatureLoss, flat
from paredown.recipe.settings import at_least_zero

__all__ = ["RKD"]

_SAME = 1e-6  # of the mean square: what is nearer than this is the same, up to rounding
_EPSILON = 1e-12


@dataclasses.dataclass(frozen=True)
class RKD(FeatureLoss):
    """Distances and angles between the examples of a batch (Park, Kim, Lu & Cho 2019, arXiv:1904.05068).

    ``distance * mean over pairs of h(d_s / mean d_s, d_t / mean d_t) + angle * mean over triples of h(cos_s, cos_t)``
    with Euclidean distances d, the angle at the middle of three examples, and Huber's h. Memory grows with the third
    power of the batch, with its square where ``angle=0.0``.

    Attributes:
        distance: weight of the distances, 0 or more.
        angle: weight of the angles, 0 or more.

    """

    distance: float = 25.0
    angle: float = 50.0

    def __post_init__(self) -> None:
        at_least_zero(self, "distance", "angle")

    def __call__(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """See `FeatureLoss.__call__`."""
        s, t = _Relations(flat(student)), _Relations(flat(teacher))
        loss = self.distance * functional.smooth_l1_loss(s.distances(), t.distances())
        if self.angle == 0.0:
            return loss
        return loss + self.angle * functional.smooth_l1_loss(s.cosines(), t.cosines())


class _Relations:
    """Distances and angles of vectors ``[n, d]``, from their products, so that memory does not grow with d."""

    def __init__(self, x: torch.Tensor) -> None:
        x = x - x.mean(0)
        self._products = x @ x.T
        square = self._products.diagonal()
        squares = square[:, None] + square[None, :] - 2.0 * self._products
        self._apart = squares > _SAME * square.mean()
        self._between = torch.where(self._apart, squares, 1.0).sqrt() * self._apart

    def distances(self) -> torch.Tensor:
        """Distances ``[n, n]`` over their mean; that of an example to itself is no part of the mean."""
        n = len(self._between)
        return self._between / (self._between.sum() / max(1, n * (n - 1))).clamp_min(_EPSILON)

    def cosines(self) -> torch.Tensor:
        """Cosine of the angle at j between i and k, ``[j, i, k]``; 0 where j is the same as one of them."""
        p = self._products
        products = p[None] - p[:, :, None] - p[:, None, :] + p.diagonal()[:, None, None]
        apart = self._apart[:, :, None] & self._apart[:, None, :]
        lengths = torch.where(apart, self._between[:, :, None] * self._between[:, None, :], 1.0)
        return torch.where(apart, products / lengths, 0.0)
