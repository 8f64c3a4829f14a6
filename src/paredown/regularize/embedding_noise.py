"""Noise on embedded words."""

import dataclasses
import math

import torch
from torch import fx, nn

from paredown.errors import RecipeError
from paredown.graph.network import Network
from paredown.recipe.ingredient import Hook, Ingredient, TrainContext
from paredown.recipe.inserts import Insert, Inserts
from paredown.recipe.settings import above_zero

__all__ = ["EmbeddingNoise"]

_EMBEDDING = torch.ops.aten.embedding.default
_CASTS = frozenset({torch.ops.aten.to.dtype, torch.ops.aten._to_copy.default})


@dataclasses.dataclass(frozen=True)
class EmbeddingNoise(Ingredient):
    """Add uniform noise to the embeddings of token ids (NEFTune; Jain et al. 2024, arXiv:2310.05914, algorithm 1).

    To every embedded sequence ``[n, length, width]`` comes noise between -1 and 1 times
    ``alpha / sqrt(length * width)``. Tables that are read at positions rather than at inputs are left alone. It is put
    into the captured graph and taken out when the training is over.

    Attributes:
        alpha: above 0; the paper takes 5 to 15.

    """

    alpha: float = 5.0

    def __post_init__(self) -> None:
        above_zero(self, "alpha")

    def start(self, context: TrainContext) -> Hook:
        """Find the embeddings and put it into the graph.

        Raises:
            RecipeError: the network embeds no inputs.

        """
        inserts = Inserts(context.network)
        found = _embeddings(context.network)
        if not found:
            msg = (
                "regularize.EmbeddingNoise adds noise to embedded token ids, and this network embeds none of its "
                "inputs. Leave it out of `using`; `regularize.GaussianNoise()` adds noise to real inputs."
            )
            raise RecipeError(msg)
        inserts.add(*(Insert(node, _Uniform(self.alpha)) for node in found))
        return inserts


def _embeddings(network: Network) -> list[fx.Node]:
    return [node for node in network.nodes() if node.target is _EMBEDDING and _is_input(node.args[1])]


def _is_input(node: object) -> bool:
    while isinstance(node, fx.Node) and node.target in _CASTS:
        node = node.args[0]
    return isinstance(node, fx.Node) and node.op == "placeholder"


class _Uniform(nn.Module):
    def __init__(self, alpha: float) -> None:
        super().__init__()
        self._alpha = alpha

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        reach = self._alpha / math.sqrt(x[0].numel())
        return x + (2.0 * torch.rand_like(x) - 1.0) * reach
