"""Weights become 0 column by column, and the ones still to come make up for it."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from paredown.graph.network import Network
from paredown.prune.sparse.layers import Layer
from paredown.prune.sparse.masking import Masked, Masking
from paredown.prune.sparse.pattern import Pattern
from paredown.prune.sparse.sweep import sweep
from paredown.recipe.settings import part, whole

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["SparseGPT"]


@dataclasses.dataclass(frozen=True)
class SparseGPT(Masking):
    """The weights that cost least become 0, and the weights to their right change so that the output changes least.

    With ``H = 2 X X^T`` of the layer's inputs and U the upper Cholesky factor of ``H^-1``, columns are gone through from
    left to right. At the start of a block those weights of all its rows are chosen that have the smallest
    ``w_j^2 / U_jj^2``, the error of leaving ``w_j`` out when columns before j are settled. A chosen weight adds
    ``- w_j / U_jj * U_jk`` to every ``w_k`` with ``k > j`` (the optimal brain surgeon's update) and becomes 0. Inputs are
    those with the layers before it sparse already. A convolution is a linear layer on patches. No training.

    Frantar, Alistarh: "SparseGPT: massive language models can be accurately pruned in one-shot", ICML 2023,
    arXiv:2301.00774 (algorithm 1).

    Attributes:
        damping: added to the diagonal of H, as a share of its mean.
        block: columns whose weights are chosen at once; a pattern of neighbours has its own.
        examples: of the calibration split. Their values at one place of the network are held in memory.

    """

    damping: float = 0.01
    block: int = 128
    examples: int = 256

    def __post_init__(self) -> None:
        part(self, "damping")
        whole(self, "block", "examples")

    def choose(
        self, network: Network, layers: Sequence[Layer], pattern: Pattern, evidence: "Evidence"
    ) -> Mapping[str, Masked]:
        """See `Masking.choose`."""

        def solve(layer: Layer, hessian: torch.Tensor) -> Masked:
            rows, alive = layer.rows(layer.weight.double()), layer.rows(layer.alive)
            seen = hessian.diagonal(dim1=1, dim2=2)[:, None] > 0.0  # weights of inputs that are always 0 cost nothing
            upper = _factor(hessian, self.damping)
            weight, keep = _prune(rows * seen, alive, upper, pattern, pattern.run or self.block)
            weight = weight.where(seen, rows.where(keep, 0.0))
            return Masked(layer.whole(keep), layer.whole(weight).to(layer.weight.dtype))

        return sweep(network, layers, evidence, self.examples, _hessian, solve)


def _hessian(inputs: torch.Tensor) -> torch.Tensor:
    """``2 X X^T``: ``[positions, groups, columns] -> [groups, columns, columns]``."""
    return 2.0 * torch.einsum("pgi,pgj->gij", inputs, inputs).double()


def _factor(hessian: torch.Tensor, damping: float) -> torch.Tensor:
    """The upper Cholesky factor of the inverse of the damped Hessian."""
    damped = hessian.clone()
    mean = hessian.diagonal(dim1=1, dim2=2).mean(1)
    mean = torch.where(mean > 0.0, mean, 1.0)  # nothing but zeros comes in: any weights will do
    damped.diagonal(dim1=1, dim2=2).add_(damping * mean[:, None])
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    upper: torch.Tensor = torch.linalg.cholesky(inverse, upper=True)
    return upper


def _prune(
    weight: torch.Tensor, alive: torch.Tensor, upper: torch.Tensor, pattern: Pattern, block: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """New ``weight[groups, rows, columns]`` and which of it stays."""
    weight, keep = weight.clone(), alive.clone()
    columns = weight.shape[2]
    for start in range(0, columns, block):
        stop = min(start + block, columns)
        part, own = weight[:, :, start:stop], upper[:, start:stop, start:stop]
        diagonal = own.diagonal(dim1=1, dim2=2)
        scores = (part / diagonal[:, None]).square().masked_fill(~alive[:, :, start:stop], -torch.inf)
        keep[:, :, start:stop] &= pattern.keep(scores.flatten(1)).view_as(part)
        lost = torch.zeros_like(part)
        for j in range(stop - start):
            lost[:, :, j] = part[:, :, j].masked_fill(keep[:, :, start + j], 0.0) / diagonal[:, j, None]
            part[:, :, j:] -= lost[:, :, j, None] * own[:, None, j, j:]
        weight[:, :, stop:] -= lost @ upper[:, start:stop, stop:]
    return weight.where(keep, 0.0), keep
