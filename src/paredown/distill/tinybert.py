"""Attention scores, layer by layer."""

import dataclasses
import math
from typing import ClassVar

import torch
from torch.nn import functional

from paredown.distill.feature_loss import FeatureLoss
from paredown.distill.relations import heads_of
from paredown.recipe.settings import require, whole

__all__ = ["TinyBERT"]


@dataclasses.dataclass(frozen=True)
class TinyBERT(FeatureLoss):
    """Attention before its softmax (Jiao et al. 2020, arXiv:1909.10351, equation 7).

    ``mean squared difference of q kᵀ / sqrt(width per head)``, head by head, so that both have as many heads. Scores
    of tokens that pad are 0 where `Features` is given their mask. For every layer of the student and the teacher's that it is mapped to:
    ``distill.Features(at="layer.*.query+layer.*.key", to=("layer.1.query+layer.1.key", …), loss=distill.TinyBERT())``.
    The rest of the method is there already: hidden states and embeddings are `FitNets` with its learned map, the
    prediction is `Logits`.

    Attributes:
        heads: of either network, 1 or more.
        parts: what a value holds side by side: 2 for queries and keys, 3 for a layer that makes values too.

    """

    same_places: ClassVar[bool] = True
    needs_places: ClassVar[bool] = True

    heads: int = 12
    parts: int = 2

    def __post_init__(self) -> None:
        whole(self, "heads")
        require(lambda parts: parts in {2, 3}, self, "parts", "2 or 3")

    def __call__(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """See `FeatureLoss.__call__`."""
        return functional.mse_loss(self._scores(student), self._scores(teacher))

    def _scores(self, value: torch.Tensor) -> torch.Tensor:
        q, k = heads_of(value, self.parts, self.heads, "distill.TinyBERT")[:2]
        return torch.matmul(q, k.transpose(2, 3)) / math.sqrt(q.shape[3])
