"""Channel-wise distillation for dense outputs."""

import dataclasses
from typing import ClassVar

import torch
from torch.nn import functional

from paredown.distill.feature_loss import FeatureLoss, places
from paredown.recipe.settings import above_zero

__all__ = ["CWD"]


@dataclasses.dataclass(frozen=True)
class CWD(FeatureLoss):
    """Where each channel looks (Shu et al. 2021, arXiv:2011.13256).

    ``T² * mean over examples and channels of KL(t || s)`` between softmaxes over *places*, at temperature T: of the
    outputs of a segmentation network (the empty tap) or of its features.

    Attributes:
        temperature: T, above 0.

    """

    same_channels: ClassVar[bool] = True
    same_places: ClassVar[bool] = True
    needs_places: ClassVar[bool] = True
    usual: ClassVar[float] = 3.0

    temperature: float = 4.0

    def __post_init__(self) -> None:
        above_zero(self, "temperature")

    def __call__(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """See `FeatureLoss.__call__`."""
        s, t = ((places(value) / self.temperature).log_softmax(2) for value in (student, teacher))
        divergence = functional.kl_div(s, t, reduction="none", log_target=True).sum(2)
        return self.temperature**2 * divergence.mean()
