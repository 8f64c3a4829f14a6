"""What is compared of a student's and a teacher's outputs."""

import abc
import dataclasses
from typing import ClassVar

import torch

__all__ = ["OutputLoss"]


@dataclasses.dataclass(frozen=True)
class OutputLoss(abc.ABC):
    """Base of every comparison of outputs. Subclasses are final frozen dataclasses.

    A comparison is called with rows: the scores of the classes at one place (an example, a token, a pixel), and gives
    one number. It sees no places to ignore.

    Attributes:
        classes: the numbers of a row are scores of classes, so that a softmax over them means something.
        labelled: the true class of every row is looked at.

    """

    classes: ClassVar[bool] = True
    labelled: ClassVar[bool] = False

    @abc.abstractmethod
    def __call__(self, student: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The loss of a batch.

        Args:
            student: ``[rows, classes]``, with gradients.
            teacher: ``[rows, classes]``, without.
            labels: ``[rows]``, the true classes; empty where there are none.

        """
