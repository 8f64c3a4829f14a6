"""What a teacher at work is asked."""

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any

import torch

__all__ = ["Lesson", "Teaching"]


@dataclasses.dataclass(frozen=True)
class Lesson:
    """What a teacher makes of a batch.

    Attributes:
        outputs: what the task picks out of it.
        taps: tapped values by path.

    """

    outputs: Any
    taps: Mapping[str, torch.Tensor]


class Teaching(abc.ABC):
    """A teacher at work: a copy in eval mode, without gradients, on the training's device and in its precision."""

    @abc.abstractmethod
    def tap(self, pattern: str) -> tuple[str, ...]:
        """Ask for the value of a module path, glob or node; gives the paths that are meant.

        Raises:
            RecipeError: there is no such module or node, or the teacher has no values inside.

        """

    @abc.abstractmethod
    def see(self, inputs: Any) -> Lesson:
        """What the teacher makes of these inputs."""

    @abc.abstractmethod
    def follow(self, inputs: Any) -> Lesson:
        """As `see`, with gradients from what it makes of them back to the inputs.

        Raises:
            RecipeError: the teacher's answers are read from disk.

        """
