"""Deep self-attention distillation."""

import dataclasses
import math
from typing import ClassVar

import torch
from torch.nn import functional

from paredown.distill.feature_loss import FeatureLoss, places
from paredown.distill.relations import heads_of
from paredown.recipe.settings import require, whole

__all__ = ["MiniLM"]

_NEVER = -1e4  # a score that leaves nothing to a token, in half precision too


@dataclasses.dataclass(frozen=True)
class MiniLM(FeatureLoss):
    """How the tokens of a layer attend to one another (Wang et al. 2021, arXiv:2012.15828; 2020, arXiv:2002.10957).

    Queries, keys and values are cut into as many relation heads on both sides, whatever the networks' own;
    ``R(a, b) = softmax(a bᵀ / sqrt(width per head))`` over tokens. The loss is the sum over relations of
    ``KL(R_t || R_s)``, averaged over examples, heads and tokens: query-query, key-key and value-value (version 2), or
    query-key, which is the attention where the heads are the networks' own, and value-value (version 1). Widths may
    differ. Name the mask of tokens that pad, as in every use of `Features`: tokens whose vectors are 0 on both sides are
    neither attended to nor counted.

    Tap the layers that make queries, keys and values together, or the one that makes all three:
    ``distill.Features(at="layer.5.query+layer.5.key+layer.5.value", loss=distill.MiniLM())``. The papers take the last
    layer of the student and one of the teacher's upper half.

    Attributes:
        heads: relation heads, 1 or more; they divide both widths.
        version: 1 or 2.

    """

    same_places: ClassVar[bool] = True
    needs_places: ClassVar[bool] = True

    heads: int = 12
    version: int = 2

    def __post_init__(self) -> None:
        whole(self, "heads")
        require(lambda version: version in {1, 2}, self, "version", "1 or 2")

    def __call__(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """See `FeatureLoss.__call__`."""
        counts = (places(student) != 0).any(1) | (places(teacher) != 0).any(1)
        s, t = (self._relations(value, counts) for value in (student, teacher))
        return torch.stack([_divergence(a, b, counts) for a, b in zip(s, t, strict=True)]).sum()

    def _relations(self, value: torch.Tensor, counts: torch.Tensor) -> list[torch.Tensor]:
        q, k, v = heads_of(value, 3, self.heads, "distill.MiniLM")
        pairs = ((q, q), (k, k), (v, v)) if self.version == 2 else ((q, k), (v, v))
        scores = (a @ b.transpose(2, 3) / math.sqrt(a.shape[3]) for a, b in pairs)
        return [one.masked_fill(~counts[:, None, None], _NEVER).log_softmax(3) for one in scores]


def _divergence(student: torch.Tensor, teacher: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Mean over the heads of the tokens that count, ``[n, tokens]``."""
    rows = functional.kl_div(student, teacher, reduction="none", log_target=True).sum(3).mean(1)
    return (rows * counts).sum() / counts.sum().clamp_min(1)
