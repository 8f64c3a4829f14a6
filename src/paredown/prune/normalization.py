"""What makes the scores of different weights comparable."""

import abc
import dataclasses

import torch

__all__ = ["ByMax", "ByMean", "BySum", "Normalization"]


@dataclasses.dataclass(frozen=True)
class Normalization(abc.ABC):
    """Base of every way to bring scores to one size. Subclasses are final frozen dataclasses."""

    @abc.abstractmethod
    def size(self, scores: torch.Tensor) -> torch.Tensor:
        """What non-negative scores ``[size]`` or ``[outer, size]`` are divided by: one number."""

    def apply(self, scores: torch.Tensor) -> torch.Tensor:
        """The scores divided by their size; zeros where they are all zero."""
        return scores / self.size(scores).clamp_min(torch.finfo(scores.dtype).tiny)


@dataclasses.dataclass(frozen=True)
class ByMean(Normalization):
    """Their mean: afterwards 1 is an average index of its group."""

    def size(self, scores: torch.Tensor) -> torch.Tensor:
        """See `Normalization.size`."""
        return scores.mean()


@dataclasses.dataclass(frozen=True)
class ByMax(Normalization):
    """Their maximum: afterwards 1 is the best index of its group."""

    def size(self, scores: torch.Tensor) -> torch.Tensor:
        """See `Normalization.size`."""
        return scores.max()


@dataclasses.dataclass(frozen=True)
class BySum(Normalization):
    """Their sum: afterwards an index is a share of its group, so that an index of a wide group counts for less."""

    def size(self, scores: torch.Tensor) -> torch.Tensor:
        """See `Normalization.size`."""
        return scores.sum()
