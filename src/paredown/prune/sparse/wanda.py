"""Single weights times activations."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from paredown.graph.network import Network
from paredown.prune.sparse.layers import Layer
from paredown.prune.sparse.masking import Masked, Masking
from paredown.prune.sparse.pattern import Pattern
from paredown.prune.sparse.sweep import sweep
from paredown.recipe.settings import whole

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["WandaWeights"]


@dataclasses.dataclass(frozen=True)
class WandaWeights(Masking):
    """Of every output the weights with the smallest ``|W_ij| |x_j|_2`` become 0; the others stay as they are.

    ``x_j`` are the values of input ``j`` over the calibration data, with the layers before it sparse already; of a
    convolution, ``j`` is an input channel at one place of the kernel. Weights compete within their output only.

    Sun, Liu, Bair, Kolter: "A simple and effective pruning approach for large language models", ICLR 2024,
    arXiv:2306.11695 (equation 1). `Wanda` is the criterion for whole channels.

    Attributes:
        examples: of the calibration split. Their values at one place of the network are held in memory.

    """

    examples: int = 256

    def __post_init__(self) -> None:
        whole(self, "examples")

    def choose(
        self, network: Network, layers: Sequence[Layer], pattern: Pattern, evidence: "Evidence"
    ) -> Mapping[str, Masked]:
        """See `Masking.choose`."""

        def solve(layer: Layer, squares: torch.Tensor) -> Masked:
            scores = layer.rows(layer.weight.double().abs()) * squares.sqrt()[:, None]
            alive = layer.rows(layer.alive)
            keep = pattern.keep(scores.masked_fill(~alive, -torch.inf).flatten(0, 1)).view_as(alive) & alive
            return Masked(layer.whole(keep))

        return sweep(network, layers, evidence, self.examples, _squares, solve)


def _squares(inputs: torch.Tensor) -> torch.Tensor:
    """``[positions, groups, columns] -> [groups, columns]``."""
    return inputs.square().sum(0, dtype=torch.float64)
