"""Which of a layer's weights may be 0 together."""

import abc
import dataclasses
from typing import Self

import torch

from paredown.recipe.settings import require, whole

__all__ = ["NM", "Pattern", "Unstructured"]


@dataclasses.dataclass(frozen=True)
class Pattern(abc.ABC):
    """Base of every pattern of zeros. Subclasses are final frozen dataclasses.

    Weights come as rows: a row holds what makes one output, in the order of the kernel's places and, within a place,
    of the inputs. So neighbours in a row are neighbouring inputs.
    """

    @property
    @abc.abstractmethod
    def run(self) -> int | None:
        """Neighbours that are decided on together; None where any weights compete."""

    @abc.abstractmethod
    def keep(self, scores: torch.Tensor) -> torch.Tensor:
        """Which weights stay: the highest scores of every row, and of equal ones the last.

        Args:
            scores: ``[rows, n]``; ``n`` is a multiple of `run` where there is one.

        Returns:
            ``[rows, n]``, true where a weight stays.

        """

    @property
    @abc.abstractmethod
    def left(self) -> float:
        """Share of the weights that stays."""

    @abc.abstractmethod
    def leaving(self, share: float) -> Self:
        """The pattern that leaves so many weights, from `left` to 1: what a schedule asks for on its way."""


@dataclasses.dataclass(frozen=True)
class Unstructured(Pattern):
    """Any weights: the share `sparsity` of them is 0, wherever they are.

    Attributes:
        sparsity: share of zeros, from 0 to below 1.

    """

    sparsity: float = 0.5

    def __post_init__(self) -> None:
        require(lambda sparsity: 0.0 <= sparsity < 1.0, self, "sparsity", "the share of zeros, from 0 to below 1")

    @property
    def run(self) -> int | None:
        """See `Pattern.run`."""
        return None

    def keep(self, scores: torch.Tensor) -> torch.Tensor:
        """See `Pattern.keep`."""
        return _without_lowest(scores, round(self.sparsity * scores.shape[1]))

    @property
    def left(self) -> float:
        """See `Pattern.left`."""
        return 1.0 - self.sparsity

    def leaving(self, share: float) -> Self:
        """See `Pattern.leaving`."""
        return self if share <= self.left else dataclasses.replace(self, sparsity=1.0 - share)


@dataclasses.dataclass(frozen=True)
class NM(Pattern):
    """Of every `m` neighbouring inputs of an output at most `n` have a weight that is not 0.

    2:4 is what the sparse matrix units of some GPUs read (Mishra et al.: "Accelerating sparse deep neural networks",
    2021, arXiv:2104.08378). Layers whose inputs are no multiple of `m` stay dense.

    Attributes:
        n: weights that stay, at least 1.
        m: out of so many, more than `n`.

    """

    n: int = 2
    m: int = 4

    def __post_init__(self) -> None:
        whole(self, "m", least=2)
        whole(self, "n")
        instead = "Write `prune.NM(n=2, m=4)`."
        require(lambda n: n < self.m, self, "n", f"how many of {self.m} weights stay, fewer than {self.m}", instead)

    @property
    def run(self) -> int | None:
        """See `Pattern.run`."""
        return self.m

    def keep(self, scores: torch.Tensor) -> torch.Tensor:
        """See `Pattern.keep`."""
        return _without_lowest(scores.reshape(-1, self.m), self.m - self.n).reshape(scores.shape)

    @property
    def left(self) -> float:
        """See `Pattern.left`."""
        return self.n / self.m

    def leaving(self, share: float) -> Self:
        """See `Pattern.leaving`; counts are whole, and at least one of `m` goes."""
        return dataclasses.replace(self, n=min(self.m - 1, max(self.n, round(self.m * share))))


def _without_lowest(scores: torch.Tensor, count: int) -> torch.Tensor:
    keep = torch.ones_like(scores, dtype=torch.bool)
    return keep.scatter_(1, scores.argsort(dim=1, stable=True)[:, :count], value=False)
