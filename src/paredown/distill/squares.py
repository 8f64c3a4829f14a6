"""Squared difference of outputs."""

import dataclasses
from typing import ClassVar

import torch
from torch.nn import functional

from paredown.distill.output_loss import OutputLoss

__all__ = ["Squares"]


@dataclasses.dataclass(frozen=True)
class Squares(OutputLoss):
    """Mean squared difference of the raw outputs (Kim et al. 2021, arXiv:2105.08919).

    Of logits, this is what Hinton's loss becomes for a high temperature, without the freedom of an offset. It suits
    outputs without classes too: numbers to predict, independent yes/no scores, coordinates.
    """

    classes: ClassVar[bool] = False

    def __call__(self, student: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        """See `OutputLoss.__call__`."""
        return functional.mse_loss(student, teacher)
