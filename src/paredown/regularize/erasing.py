"""Random rectangles of noise."""

import dataclasses
import math
from typing import Any

import torch

from paredown.recipe.ingredient import Hook, Ingredient, Targets, TrainContext
from paredown.recipe.settings import flags, require
from paredown.regularize import images

__all__ = ["RandomErasing"]


@dataclasses.dataclass(frozen=True)
class RandomErasing(Ingredient):
    """Replace a rectangle in some of the pictures (Zhong et al. 2020, arXiv:1708.04896, algorithm 1).

    Area and aspect ratio are drawn for every picture (the ratio uniformly in its logarithm); a rectangle that would
    be higher or wider than the picture is trimmed to it.

    Attributes:
        probability: that a picture is touched, above 0, up to 1.
        area: smallest and largest share of the picture that is erased.
        ratio: smallest height by width; the largest is one over it.
        noise: standard normal noise takes its place; otherwise 0.

    """

    probability: float = 0.5
    area: tuple[float, float] = (0.02, 0.4)
    ratio: float = 0.3
    noise: bool = True

    def __post_init__(self) -> None:
        require(lambda probability: 0.0 < probability <= 1.0, self, "probability", "above 0, up to 1")
        flags(self, "noise")
        rising = "two rising shares of the picture between 0 and 1"
        require(lambda area: len(area) == 2 and 0.0 < area[0] <= area[1] < 1.0, self, "area", rising)
        require(lambda ratio: 0.0 < ratio <= 1.0, self, "ratio", "height by width of the widest, above 0, up to 1")

    def start(self, context: TrainContext) -> Hook:
        """Look at the inputs.

        Raises:
            RecipeError: they hold no pictures.

        """
        images.require(context, "regularize.RandomErasing")
        return _ErasingHook(self)


class _ErasingHook(Hook):
    def __init__(self, settings: RandomErasing) -> None:
        self._settings = settings

    def batch(self, inputs: Any, targets: Targets, generator: torch.Generator) -> tuple[Any, Targets]:
        # One seed per batch: every picture of an example (a stereo pair, say) loses the same part.
        seed = int(torch.randint(2**62, (), generator=generator))
        return images.change(lambda x: self._erase(x, torch.Generator().manual_seed(seed)), inputs), targets

    def _erase(self, pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        n, _, height, width = pictures.shape
        settings = self._settings
        touched, size, shape, top, left = torch.rand(5, n, 1, generator=generator)
        low, high = settings.area
        area = (low + (high - low) * size) * height * width
        ratio = torch.exp((2.0 * shape - 1.0) * -math.log(settings.ratio))
        rows = _stretch((area * ratio).sqrt(), top, height)
        columns = _stretch((area / ratio).sqrt(), left, width)
        erased = (rows[:, :, None] & columns[:, None, :])[:, None] & (touched < settings.probability)[:, :, None, None]
        fill = torch.randn(pictures.shape, generator=generator) if settings.noise else torch.zeros(())
        return torch.where(erased, fill.to(pictures.dtype), pictures)


def _stretch(wanted: torch.Tensor, place: torch.Tensor, length: int) -> torch.Tensor:
    """A stretch of about `wanted` places (at least one, at most all) for every example, as ``[n, length]``."""
    size = wanted.round().clamp(1, length)
    first = (place * (length - size + 1)).floor()
    index = torch.arange(length)
    return (index >= first) & (index < first + size)
