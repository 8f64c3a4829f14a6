"""Class indices as targets, and what outputs say about them."""

import torch
from torch.nn import functional

from paredown.errors import RecipeError
from paredown.recipe.classes import class_axis
from paredown.recipe.ingredient import TrainContext

__all__ = ["log_probability", "mean", "require"]


def require(context: TrainContext, deed: str) -> int:
    """The dimension of the outputs that holds the classes.

    Args:
        context: of the training.
        deed: who does what with them: ``regularize.LabelSmoothing shares labels among classes``.

    Raises:
        RecipeError: the targets are no class indices.

    """
    probe = context.probe()
    axis = class_axis(probe.outputs, probe.target)
    if axis is None:
        shapes = [
            f"{str(t.dtype).removeprefix('torch.')} {list(t.shape)}"
            if isinstance(t, torch.Tensor)
            else type(t).__name__
            for t in (probe.outputs, probe.target)
        ]
        msg = (
            f"{deed}, and this task has no class indices as targets: for two examples the outputs are {shapes[0]} and "
            f"the targets {shapes[1]}. Leave it out of `using`."
        )
        raise RecipeError(msg)
    return axis


def log_probability(outputs: torch.Tensor, target: torch.Tensor, axis: int) -> torch.Tensor:
    """What the outputs give the class of the target, one value per target; anything where the target is negative."""
    logs = functional.log_softmax(outputs.float(), axis)
    return logs.gather(axis, target.clamp_min(0).unsqueeze(axis)).squeeze(axis)


def mean(values: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean over the places whose target is not negative (negative ones are padding); 0 where there are none."""
    counted: torch.Tensor = target >= 0
    return (values * counted).sum() / counted.sum().clamp_min(1)
