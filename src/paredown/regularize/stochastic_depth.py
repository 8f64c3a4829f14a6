"""Residual blocks that are left out at random."""

import dataclasses
from typing import Any

import torch
from torch import nn

from paredown.errors import RecipeError
from paredown.graph.residual import blocks
from paredown.recipe.ingredient import Hook, Ingredient, TrainContext
from paredown.recipe.inserts import Insert, Inserts
from paredown.recipe.settings import share

__all__ = ["StochasticDepth"]


@dataclasses.dataclass(frozen=True)
class StochasticDepth(Ingredient):
    """Leave out residual branches, example by example, while training (Huang et al. 2016, arXiv:1603.09382).

    Of L residual blocks found in the graph, block l is left out with probability ``l / L * probability`` (equation 4).
    Branches that stay are divided by their probability of staying, so evaluation is the network as it is, where the
    paper multiplies there. It is put into the captured graph and taken out when the training is over.

    Attributes:
        probability: of leaving out the last block, above 0, below 1.

    """

    probability: float = 0.1

    def __post_init__(self) -> None:
        share(self, "probability", what="a probability above 0 and below 1")

    def start(self, context: TrainContext) -> Hook:
        """Find the blocks and put it into the graph.

        Raises:
            RecipeError: the network has no residual block.

        """
        network, inserts = context.network, Inserts(context.network)
        found = blocks(network)
        if not found:
            msg = (
                "regularize.StochasticDepth leaves out residual branches (x + f(x) with f of the shape of x), and this "
                "network has none. Leave it out of `using`; `regularize.Dropout()` fits any network with a head."
            )
            raise RecipeError(msg)
        nodes, added = {node.name: node for node in network.nodes()}, []
        for number, block in enumerate(found, 1):
            joint = nodes[block.node]
            branch: Any = joint.args[1 - block.skip]
            added.append(Insert(branch, _Rows(self.probability * number / len(found)), (joint,)))
        inserts.add(*added)
        return inserts


class _Rows(nn.Module):
    """Sets the value of whole examples to 0."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self._stays = 1.0 - probability

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        kept = torch.rand(len(x), *(1,) * (x.ndim - 1), device=x.device) < self._stays
        return x * (kept.to(x.dtype) / self._stays)
