"""What is compared of a value inside the student and one inside the teacher."""

import abc
import dataclasses
from typing import ClassVar

import torch
from torch import nn

__all__ = ["FeatureLoss", "LearnedFeatureLoss", "flat", "places"]


@dataclasses.dataclass(frozen=True)
class FeatureLoss(abc.ABC):
    """Base of every comparison of values without parameters of its own. Subclasses are final frozen dataclasses.

    Values are ``[n, channels, *places]``: a vector per example has no places, a sequence one dimension of them, a
    picture two.

    Attributes:
        same_channels: the comparison goes channel by channel; where the student has another number of them, its value
            passes through a learned linear map first.
        same_places: the comparison goes place by place; where one has fewer, the other is averaged down to them.
        needs_places: values without places say nothing to it.
        usual: weight where none is given. That of the papers is for hundreds of epochs of plain SGD; where it took the
            training over within a dozen epochs, this one is smaller, and the docstring says so.

    """

    same_channels: ClassVar[bool] = False
    same_places: ClassVar[bool] = False
    needs_places: ClassVar[bool] = False
    usual: ClassVar[float] = 1.0

    @abc.abstractmethod
    def __call__(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """The loss of a batch: one number.

        Args:
            student: ``[n, channels, *places]``, with gradients.
            teacher: ``[n, channels, *places]``, without.

        """


@dataclasses.dataclass(frozen=True)
class LearnedFeatureLoss(abc.ABC):
    """Base of every comparison that learns parameters along; attributes as those of `FeatureLoss`."""

    same_channels: ClassVar[bool] = False
    same_places: ClassVar[bool] = False
    needs_places: ClassVar[bool] = False
    usual: ClassVar[float] = 1.0

    @abc.abstractmethod
    def build(self, student: torch.Size, teacher: torch.Size) -> nn.Module:
        """A module that takes both values and gives the loss; it is trained along and dropped at the end.

        Args:
            student: shape of the student's value for two examples, after the map of channels if there is one.
            teacher: shape of the teacher's.

        """


def flat(value: torch.Tensor) -> torch.Tensor:
    """One vector per example: ``[n, channels * places]``."""
    return value.flatten(1)


def places(value: torch.Tensor) -> torch.Tensor:
    """All places in one dimension: ``[n, channels, places]``, one place for a vector."""
    return value.flatten(2) if value.ndim > 2 else value[..., None]
