"""Random crops."""

import dataclasses
from typing import Any

import torch
from torch.nn import functional

from paredown.errors import RecipeError
from paredown.recipe.ingredient import Hook, Ingredient, Targets, TrainContext
from paredown.recipe.settings import whole
from paredown.regularize import images

__all__ = ["Crop"]


@dataclasses.dataclass(frozen=True)
class Crop(Ingredient):
    """Shift every picture by up to `padding` pixels each way; what comes in from outside is 0.

    The usual augmentation of small pictures (He et al. 2016, arXiv:1512.03385, section 4.2): pad, then cut a window of
    the old size out at a random place, one place per example.

    Attributes:
        padding: pixels, 1 or more.

    """

    padding: int = 4

    def __post_init__(self) -> None:
        instead = "Write `regularize.Crop(padding=4)`, or leave it out of `using`."
        whole(self, "padding", what="a whole number of pixels, 1 or more", instead=instead)

    def start(self, context: TrainContext) -> Hook:
        """Look at the inputs.

        Raises:
            RecipeError: they hold no pictures, or targets have a value for every pixel.

        """
        images.require(context, "regularize.Crop")
        probe = context.probe()
        if images.dense(probe.inputs, probe.target):
            msg = (
                "regularize.Crop moves pixels, and the targets of this task have a value for every pixel: outside of "
                "the picture there is none. Leave it out of `using`; `regularize.Flip()` turns targets along."
            )
            raise RecipeError(msg)
        return _CropHook(self.padding)


class _CropHook(Hook):
    def __init__(self, padding: int) -> None:
        self._padding = padding

    def batch(self, inputs: Any, targets: Targets, generator: torch.Generator) -> tuple[Any, Targets]:
        # One seed per batch: every picture of an example (a stereo pair, say) moves alike.
        seed = int(torch.randint(2**62, (), generator=generator))
        return images.change(lambda x: shifted(x, self._padding, torch.Generator().manual_seed(seed)), inputs), targets


def shifted(pictures: torch.Tensor, padding: int, generator: torch.Generator) -> torch.Tensor:
    """Pictures ``[n, c, h, w]``, each shifted by its own random amount, with zeros where nothing was."""
    n, _, height, width = pictures.shape
    down, right = torch.randint(0, 2 * padding + 1, (2, n), generator=generator)
    rows = down[:, None] + torch.arange(height)
    columns = right[:, None] + torch.arange(width)
    padded = functional.pad(pictures, (padding,) * 4).permute(0, 2, 3, 1)
    return (
        padded[torch.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()
    )
