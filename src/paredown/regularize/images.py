"""Finding the pictures in a batch."""

from collections.abc import Callable
from typing import Any

import torch

from paredown.errors import RecipeError
from paredown.graph.structure import flatten
from paredown.recipe import batch
from paredown.recipe.ingredient import TrainContext

__all__ = ["change", "dense", "picture", "require"]


def picture(tensor: torch.Tensor) -> bool:
    """Whether this is a batch of pictures: real numbers ``[n, channels, height, width]``."""
    return tensor.ndim == 4 and tensor.dtype.is_floating_point


def change(function: Callable[[torch.Tensor], torch.Tensor], inputs: Any) -> Any:
    """The same inputs with `function` applied to every float tensor of shape ``[n, channels, height, width]``."""
    return batch.each(lambda tensor: function(tensor) if picture(tensor) else tensor, inputs)


def dense(inputs: Any, target: Any) -> bool:
    """Whether the target has a value for every place of the pictures."""
    pictures = [tensor for tensor in flatten(inputs)[0] if picture(tensor)]
    return (
        isinstance(target, torch.Tensor)
        and target.ndim > 2
        and any(target.shape[-2:] == known.shape[-2:] for known in pictures)
    )


def require(context: TrainContext, who: str) -> None:
    """Refuse inputs that hold no pictures.

    Raises:
        RecipeError: no float input of shape ``[n, channels, height, width]``.

    """
    found = flatten(context.probe().inputs)[0]
    if not any(picture(tensor) for tensor in found):
        shapes = ", ".join(f"{tensor.dtype} {list(tensor.shape)}".removeprefix("torch.") for tensor in found)
        msg = (
            f"{who} moves pixels, and no input of this task is a picture (float, [n, channels, height, width]): "
            f"there is {shapes} for two examples. Leave {who} out of `using`."
        )
        raise RecipeError(msg)
