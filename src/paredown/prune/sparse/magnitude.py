"""The smallest weights go."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from paredown.graph.network import Network
from paredown.prune.sparse.layers import Layer
from paredown.prune.sparse.masking import Masked, Masking
from paredown.prune.sparse.pattern import Pattern
from paredown.recipe.settings import flags

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Magnitude"]


@dataclasses.dataclass(frozen=True)
class Magnitude(Masking):
    """The weights with the smallest ``|w|`` become 0; the others stay as they are. No data is looked at.

    Han, Pool, Tran, Dally: "Learning both weights and connections for efficient neural networks", NIPS 2015,
    arXiv:1506.02626.

    Attributes:
        across_layers: weights of all layers compete with one another, so that some layers become sparser than others.
            A pattern of neighbours leaves no choice there.

    """

    across_layers: bool = False

    def __post_init__(self) -> None:
        flags(self, "across_layers")

    def choose(
        self,
        network: Network,  # noqa: ARG002
        layers: Sequence[Layer],
        pattern: Pattern,
        evidence: "Evidence",  # noqa: ARG002
    ) -> Mapping[str, Masked]:
        """See `Masking.choose`."""
        scores = [layer.rows(layer.weight.abs().masked_fill(~layer.alive, -torch.inf)).flatten() for layer in layers]
        if self.across_layers:
            kept = pattern.keep(torch.cat(scores)[None])[0].split_with_sizes([score.numel() for score in scores])
        else:
            kept = tuple(pattern.keep(score[None])[0] for score in scores)
        return {layer.name: Masked(layer.whole(keep) & layer.alive) for layer, keep in zip(layers, kept, strict=True)}
