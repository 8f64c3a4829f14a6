"""Class indices as targets, and what outputs say about them."""

import torch
from torch.nn import functional

from paredown.errors import RecipeError
from paredown.recipe.classes import class_axis, counted
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
    """What the outputs give the class of the target, one value per target; anything where that is none of the classes."""
    logs = functional.log_softmax(outputs.float(), axis)
    return logs.gather(axis, target.clamp(0, logs.shape[axis] - 1).unsqueeze(axis)).squeeze(axis)


def mean(values: torch.Tensor, target: torch.Tensor, classes: int) -> torch.Tensor:
    """Mean over the places whose target is one of the classes (others are to be ignored); 0 where there are none."""
    places = counted(target, classes)
    return (values * places).sum() / places.sum().clamp_min(1)
