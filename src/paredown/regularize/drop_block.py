"""Squares of feature maps that are left out."""

import dataclasses

import torch
from torch import nn
from torch.nn import functional

from paredown.errors import RecipeError
from paredown.graph.network import Network
from paredown.recipe.ingredient import Hook, Ingredient, TrainContext, Update
from paredown.recipe.inserts import Insert, Inserts
from paredown.recipe.settings import several, share, whole
from paredown.regularize import places

__all__ = ["DropBlock"]


@dataclasses.dataclass(frozen=True)
class DropBlock(Ingredient):
    """Set squares of feature maps to 0 while training (Ghiasi, Lin & Le 2018, arXiv:1810.12890, algorithm 1).

    In every channel by itself, squares begin at random places so often that about `share` of the map is covered
    (equation 1: ``share / size² * (h * w) / ((h - size + 1) * (w - size + 1))``), and what stays is scaled up to keep
    the sum of weights. The share rises from 0 to its value in the course of the training (section 3). It is put into
    the captured graph and taken out when the training is over.

    Attributes:
        share: of the map at the end of the training, above 0, below 1.
        size: side of the squares in pixels; smaller maps are dropped as a whole.
        at: module paths, globs or nodes with values ``[n, channels, height, width]``; by default all activation
            functions of feature maps.

    """

    share: float = 0.1
    size: int = 7
    at: str | tuple[str, ...] = ()

    def __post_init__(self) -> None:
        several(self, "at")
        share(self, "share")
        whole(self, "size", what="a whole number of pixels, 1 or more")

    def start(self, context: TrainContext) -> Hook:
        """Put it into the graph.

        Raises:
            RecipeError: there is no such place, or it has no feature maps.

        """
        network, inserts = context.network, Inserts(context.network)
        found = places.named(network, self.at) or places.maps(network, "regularize.DropBlock")
        for node in found:
            if places.rank(node) != 4:
                msg = (
                    f"regularize.DropBlock was put at {node.name!r}, whose values have {places.rank(node)} dimensions. "
                    "It leaves out squares of feature maps [n, channels, height, width]. Use `regularize.Dropout` there."
                )
                raise RecipeError(msg)
        modules = [_Squares(self.size) for _ in found]
        inserts.add(*map(Insert, found, modules))
        return _RisingHook(inserts, modules, self.share)


class _Squares(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size
        self.share = 0.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.share == 0.0:
            return x
        height, width = x.shape[-2:]
        size = min(self._size, height, width)
        places = (height - size + 1) * (width - size + 1)
        often = self.share / size**2 * height * width / places
        starts = torch.rand(*x.shape[:2], height - size + 1, width - size + 1, device=x.device) < often
        covered = functional.max_pool2d(functional.pad(starts.to(x.dtype), (size - 1,) * 4), size, stride=1)
        kept = 1.0 - covered
        return x * kept * (kept.numel() / kept.sum(dtype=torch.float32).clamp_min(1.0)).to(x.dtype)


class _RisingHook(Hook):
    def __init__(self, inserts: Inserts, modules: list[_Squares], most: float) -> None:
        self._inserts = inserts
        self._modules = modules
        self._share = 0.0
        self._most = most

    def before_step(self, update: Update) -> None:
        self._share = self._most * update.done

    def after_step(self, network: Network) -> None:  # noqa: ARG002 (its modules are known)
        for module in self._modules:
            module.share = self._share

    def leave(self, network: Network) -> None:
        self._inserts.leave(network)
