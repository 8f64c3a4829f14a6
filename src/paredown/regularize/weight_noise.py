"""Noise on the weights."""

import dataclasses

import torch
from torch import nn

from paredown.recipe.ingredient import Hook, Ingredient, TrainContext
from paredown.recipe.inserts import Insert, Inserts
from paredown.recipe.settings import above_zero
from paredown.regularize import layers

__all__ = ["WeightNoise"]


@dataclasses.dataclass(frozen=True)
class WeightNoise(Ingredient):
    """Run every training pass with noisy weights (Graves 2011, *Practical variational inference*; Jim et al. 1996).

    Weights of linear layers and convolutions are read as ``w + std * rms(w) * e`` with e normal and rms the root of
    the mean square of the weight, drawn anew for every pass; gradients are those at the noisy weights. It also
    prepares weights for being rounded. It is put into the captured graph and taken out when the training is over.

    Attributes:
        std: deviation of the noise in units of the weight's own size, above 0.

    """

    std: float = 0.05

    def __post_init__(self) -> None:
        above_zero(self, "std", what="a deviation above 0")

    def start(self, context: TrainContext) -> Hook:
        """Put it into the graph.

        Raises:
            RecipeError: the network has no linear layers or convolutions.

        """
        network, inserts = context.network, Inserts(context.network)
        weights = layers.require(network, "regularize.WeightNoise")
        read = [node for node in network.nodes() if node.op == "get_attr" and str(node.target) in weights]
        inserts.add(*(Insert(node, _Noise(self.std)) for node in read))
        return inserts


class _Noise(nn.Module):
    def __init__(self, std: float) -> None:
        super().__init__()
        self._std = std

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return weight
        size = weight.detach().square().mean().sqrt()
        return weight + self._std * size * torch.randn_like(weight)
