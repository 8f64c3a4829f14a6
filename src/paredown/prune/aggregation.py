"""One score per index of a coupled group, out of one per weight that holds it."""

import abc
import dataclasses
from collections.abc import Sequence

import torch

from paredown.prune.normalization import Normalization

__all__ = ["Aggregation", "Max", "Mean", "Sum"]


@dataclasses.dataclass(frozen=True)
class Aggregation(abc.ABC):
    """Base of every way to put the members of a group together. Subclasses are final and add no settings.

    Attributes:
        normalization: what the scores of each member are divided by first; None leaves them as they are.

    Example:
        >>> from paredown import prune
        >>> prune.L2(over=prune.Max(prune.ByMean()))
        L2(over=Max(normalization=ByMean()))

    """

    normalization: Normalization | None = None

    def combine(self, scores: Sequence[torch.Tensor]) -> torch.Tensor:
        """Scores of a group, from those of its members, all ``[size]`` or all ``[outer, size]``."""
        if self.normalization is not None:
            scores = [self.normalization.apply(score) for score in scores]
        return self.reduce(torch.stack(list(scores)))

    @abc.abstractmethod
    def reduce(self, scores: torch.Tensor) -> torch.Tensor:
        """``[members, ...] -> [...]``."""


@dataclasses.dataclass(frozen=True)
class Mean(Aggregation):
    """The mean: how many weights hold a group does not count."""

    def reduce(self, scores: torch.Tensor) -> torch.Tensor:
        """See `Aggregation.reduce`."""
        return scores.mean(0)


@dataclasses.dataclass(frozen=True)
class Max(Aggregation):
    """The maximum: an index stays if one weight needs it."""

    def reduce(self, scores: torch.Tensor) -> torch.Tensor:
        """See `Aggregation.reduce`."""
        return scores.amax(0)


@dataclasses.dataclass(frozen=True)
class Sum(Aggregation):
    """The sum: an index that many weights hold counts for more."""

    def reduce(self, scores: torch.Tensor) -> torch.Tensor:
        """See `Aggregation.reduce`."""
        return scores.sum(0)
