"""How many indices each group keeps."""

import abc
import dataclasses
from collections.abc import Callable, Mapping

import torch

from paredown.errors import RecipeError
from paredown.graph.axes import Axes, Group

__all__ = ["Allocation", "Global", "Uniform", "share"]

_STEPS = 512


def share(name: str, value: float) -> None:
    """Check that a setting is a share.

    Raises:
        RecipeError: it is not above 0 and at most 1.

    """
    if not 0.0 < value <= 1.0:
        msg = (
            f"{name}={value!r} was given; it is the share that stays, above 0 and at most 1. Write {name}=0.5 for half."
        )
        raise RecipeError(msg)


@dataclasses.dataclass(frozen=True)
class Allocation(abc.ABC):
    """Base of every way to spread a cut over groups. Subclasses are final frozen dataclasses."""

    @abc.abstractmethod
    def counts(
        self, axes: Axes, importance: Mapping[str, torch.Tensor], keep: float, multiple: Mapping[str, int]
    ) -> dict[str, int]:
        """How many indices each group keeps.

        Args:
            axes: the analysis of the network.
            importance: ``[size]`` or ``[outer, size]`` per group.
            keep: the share of indices to keep, where the allocation itself names no other goal.
            multiple: per group what its count must be a multiple of.

        Raises:
            RecipeError: the goal cannot be reached.

        """


@dataclasses.dataclass(frozen=True)
class Uniform(Allocation):
    """The same share of every group.

    Attributes:
        macs: instead of `Channels.keep`, the share of multiply-accumulates to keep; the share of indices follows.

    """

    macs: float | None = None

    def __post_init__(self) -> None:
        if self.macs is not None:
            share("macs", self.macs)

    def counts(
        self, axes: Axes, importance: Mapping[str, torch.Tensor], keep: float, multiple: Mapping[str, int]
    ) -> dict[str, int]:
        """See `Allocation.counts`."""
        groups = [axes.group(name) for name in importance]

        def at(part: float) -> dict[str, int]:
            return {group.name: rounded(part * group.size, group, multiple[group.name]) for group in groups}

        if self.macs is None:
            return at(keep)
        return _largest(axes, self.macs, lambda step: at((step + 1) / _STEPS), _STEPS, "Uniform")


@dataclasses.dataclass(frozen=True)
class Global(Allocation):
    """One ranking of all indices of all groups: the least important go first, wherever they are.

    A global threshold instead of equal shares: Liu et al., "Learning efficient convolutional networks through network
    slimming", ICCV 2017, arXiv:1708.06519.

    Attributes:
        macs: cut until this share of multiply-accumulates is left; None to keep the share `Channels.keep` of indices.
        least: the share of its indices that every group keeps at least, so that no layer collapses.

    """

    macs: float | None = None
    least: float = 0.1

    def __post_init__(self) -> None:
        if self.macs is not None:
            share("macs", self.macs)
        share("least", self.least)

    def counts(
        self, axes: Axes, importance: Mapping[str, torch.Tensor], keep: float, multiple: Mapping[str, int]
    ) -> dict[str, int]:
        """See `Allocation.counts`."""
        groups = [axes.group(name) for name in importance]
        # Per group the importance of its best, second best ... index; rows of an outer axis agree on their number.
        ranked = {name: _rows(score).sort(-1, descending=True).values.mean(0) for name, score in importance.items()}
        every = torch.cat([ranked[group.name] for group in groups]).sort().values

        def above(removed: int) -> dict[str, int]:
            threshold = every[removed] if removed < len(every) else torch.inf
            return {
                group.name: rounded(
                    max(int((ranked[group.name] >= threshold).sum()), self.least * group.size),
                    group,
                    multiple[group.name],
                )
                for group in groups
            }

        if self.macs is None:
            return above(round(len(every) * (1.0 - keep)))
        return _largest(axes, self.macs, lambda step: above(len(every) - step), len(every) + 1, "Global")


def rounded(count: float, group: Group, multiple: int) -> int:
    """The nearest number of indices that is a multiple, at least one multiple, at most all."""
    return min(group.size, max(1, round(count / multiple)) * multiple)


def _rows(score: torch.Tensor) -> torch.Tensor:
    return score if score.ndim == 2 else score[None]


def _largest(axes: Axes, goal: float, choice: Callable[[int], dict[str, int]], steps: int, name: str) -> dict[str, int]:
    """The last of so many ever larger choices whose multiply-accumulates do not exceed the goal."""
    whole = axes.macs()
    low, high = -1, steps - 1
    while low < high:
        middle = (low + high + 1) // 2
        if axes.macs(choice(middle)) <= goal * whole:
            low = middle
        else:
            high = middle - 1
    if low < 0:
        least = axes.macs(choice(0)) / whole
        msg = (
            f"{name}(macs={goal}) cannot be reached: with as little as every group may keep, "
            f"{least:.3f} of the multiply-accumulates are left. Ask for macs={min(1.0, least + 0.005):.2f} or more, "
            "or let more groups be cut."
        )
        raise RecipeError(msg)
    return choice(low)
