"""Random holes."""

import dataclasses
from typing import Any

import torch

from paredown.recipe.ingredient import Hook, Ingredient, Targets, TrainContext
from paredown.recipe.settings import whole
from paredown.regularize import images

__all__ = ["Cutout"]


@dataclasses.dataclass(frozen=True)
class Cutout(Ingredient):
    """Set a square of every picture to 0 (DeVries & Taylor 2017, arXiv:1708.04552).

    The square's centre is anywhere in the picture, so a part of it may lie outside.

    Attributes:
        size: side of the square in pixels, 1 or more.

    """

    size: int = 8

    def __post_init__(self) -> None:
        instead = "Write `regularize.Cutout(size=8)`, or leave it out of `using`."
        whole(self, "size", what="a whole number of pixels, 1 or more", instead=instead)

    def start(self, context: TrainContext) -> Hook:
        """Look at the inputs.

        Raises:
            RecipeError: they hold no pictures.

        """
        images.require(context, "regularize.Cutout")
        return _CutoutHook(self.size)


class _CutoutHook(Hook):
    def __init__(self, size: int) -> None:
        self._size = size

    def batch(self, inputs: Any, targets: Targets, generator: torch.Generator) -> tuple[Any, Targets]:
        def within(n: int, length: int) -> torch.Tensor:
            first = torch.randint(length, (n, 1), generator=generator) - self._size // 2
            place = torch.arange(length)
            return (place >= first) & (place < first + self._size)

        def cut(pictures: torch.Tensor) -> torch.Tensor:
            n, _, height, width = pictures.shape
            rows, columns = within(n, height), within(n, width)
            return pictures.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0.0)

        return images.change(cut, inputs), targets
