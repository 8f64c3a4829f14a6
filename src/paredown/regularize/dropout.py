"""Activations that are left out at random."""

import dataclasses

from torch import nn

from paredown.errors import RecipeError
from paredown.recipe.ingredient import Hook, Ingredient, TrainContext
from paredown.recipe.inserts import Insert, Inserts
from paredown.recipe.settings import several, share
from paredown.regularize import places

__all__ = ["ChannelDropout", "Dropout"]

_BY_RANK = {3: nn.Dropout1d, 4: nn.Dropout2d, 5: nn.Dropout3d}


@dataclasses.dataclass(frozen=True)
class Dropout(Ingredient):
    """Set single activations to 0 while training (Srivastava et al. 2014, *Dropout*, JMLR 15).

    Works in networks that were written without it: it is put into the captured graph and taken out when the training
    is over. What stays is divided by ``1 - probability``, so evaluation is the network as it is.

    Attributes:
        probability: of every activation, above 0, below 1.
        at: module paths, globs or nodes whose values lose activations; by default the input of the last linear layer.

    """

    probability: float = 0.1
    at: str | tuple[str, ...] = ()

    def __post_init__(self) -> None:
        several(self, "at")
        share(self, "probability", what="a probability above 0 and below 1")

    def start(self, context: TrainContext) -> Hook:
        """Put it into the graph.

        Raises:
            RecipeError: there is no such place, or no linear layer where none is named.

        """
        network, inserts = context.network, Inserts(context.network)
        found = places.named(network, self.at) or places.before_head(network, "regularize.Dropout")
        inserts.add(*(Insert(node, nn.Dropout(self.probability)) for node in found))
        return inserts


@dataclasses.dataclass(frozen=True)
class ChannelDropout(Ingredient):
    """Set whole channels to 0 while training (Tompson et al. 2015, arXiv:1411.4280, section 3.2).

    Neighbouring pixels tell the same, so leaving out single ones takes little away. Otherwise as `Dropout`.

    Attributes:
        probability: of every channel of every example, above 0, below 1.
        at: module paths, globs or nodes with values ``[n, channels, ...]``; by default all activation functions of
            feature maps.

    """

    probability: float = 0.1
    at: str | tuple[str, ...] = ()

    def __post_init__(self) -> None:
        several(self, "at")
        share(self, "probability", what="a probability above 0 and below 1")

    def start(self, context: TrainContext) -> Hook:
        """Put it into the graph.

        Raises:
            RecipeError: there is no such place, or its values have no channels.

        """
        network, inserts = context.network, Inserts(context.network)
        found = places.named(network, self.at) or places.maps(network, "regularize.ChannelDropout")
        for node in found:
            rank = places.rank(node)
            if rank not in _BY_RANK:
                msg = (
                    f"regularize.ChannelDropout was put at {node.name!r}, whose values have {rank} dimensions. "
                    "It leaves out channels of values [n, channels, ...] with 3 to 5. Use `regularize.Dropout` there."
                )
                raise RecipeError(msg)
        inserts.add(*(Insert(node, _BY_RANK[places.rank(node)](self.probability)) for node in found))
        return inserts
