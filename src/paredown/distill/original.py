"""Teachers."""

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from paredown.errors import RecipeError
from paredown.graph.network import Network
from paredown.recipe import batch
from paredown.recipe.ingredient import TrainContext
from paredown.recipe.layout import Layout

__all__ = ["Original", "Teacher", "teach"]


@dataclasses.dataclass(frozen=True)
class Original:
    """The network the run began with, as it was before any step."""


Teacher = Original | nn.Module | Callable[[], nn.Module]
"""The original, a `Network`, any module that takes the same inputs, or a function that returns one.

A run directory can only hold the original and functions at the top level of a module: those are found again later.
"""


@dataclasses.dataclass(frozen=True)
class Teaching:
    """A teacher at work: eval mode, no gradients, on the training's device and in its precision."""

    module: nn.Module
    context: TrainContext

    @torch.no_grad()
    def __call__(self, inputs: Any) -> Any:
        """What the task picks out of the teacher's outputs for these inputs."""
        with self.context.autocast():
            return self.context.evidence.objective.outputs(batch.call(self.module, inputs))


def teach(teacher: Teacher, context: TrainContext) -> Teaching:
    """Put a copy of a teacher to work.

    Raises:
        RecipeError: it is no module.

    """
    module: object = context.original if isinstance(teacher, Original) else teacher
    if callable(module) and not isinstance(module, (nn.Module, type)):
        module = module()
    if not isinstance(module, nn.Module):
        msg = (
            f"teacher={teacher!r} was given. A teacher is `distill.Original()`, a module, a network, or a function that "
            "returns one. "
            "Write `distill.Logits(teacher=distill.Original())`."
        )
        raise RecipeError(msg)
    twin = copy.deepcopy(module).to(context.device).eval().requires_grad_(False)
    if isinstance(twin, Network):
        Layout(twin, context.device, context.precision).begin()
    return Teaching(twin, context)
