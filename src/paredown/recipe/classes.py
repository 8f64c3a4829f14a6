"""Which dimension of a task's outputs holds the classes."""

from typing import Any

import torch

__all__ = ["class_axis", "counted"]


def class_axis(outputs: Any, target: Any) -> int | None:
    """Dimension of the outputs that holds classes, given targets; None where there is none.

    Targets that are class indices have every dimension of the outputs but that of the classes, which is the second or
    else the last: ``[n]`` for ``[n, classes]``, ``[n, h, w]`` for ``[n, classes, h, w]``, ``[n, length]`` for
    ``[n, length, classes]``. One score alone, as in ``[n, 1]``, is none among classes: a yes or no.
    """
    if not isinstance(outputs, torch.Tensor) or not isinstance(target, torch.Tensor):
        return None
    if target.dtype.is_floating_point or target.ndim != outputs.ndim - 1:
        return None
    for axis in (1, outputs.ndim - 1):
        if outputs.shape[axis] > 1 and (*outputs.shape[:axis], *outputs.shape[axis + 1 :]) == tuple(target.shape):
            return axis
    return None


def counted(target: torch.Tensor, classes: int) -> torch.Tensor:
    """Which places have a class; the others are to be ignored, such as padding (-100) and borders (255)."""
    return (target >= 0) & (target < classes)
