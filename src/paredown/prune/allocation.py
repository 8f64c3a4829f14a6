"""How many indices each group keeps."""

import abc
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

import torch

from paredown.errors import RecipeError
from paredown.graph.axes import Axes, Group
from paredown.graph.network import Network
from paredown.recipe.settings import part

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["STAYS", "Allocation", "Competing", "Global", "Ranking", "Sharing", "Uniform", "unreachable"]

STAYS = "the share that stays, above 0 and at most 1"

_HALVINGS = 32


@dataclasses.dataclass(frozen=True)
class Ranking:
    """The groups that may be cut, with the importance of their indices, and whatever else counts may depend on.

    Attributes:
        network: is left bit-identical.
        axes: its analysis.
        importance: ``[size]`` or ``[outer, size]`` per group that may be cut.
        keep: the share of indices to keep, where the allocation itself names no other goal.
        multiple: per group what its count must be a multiple of.
        evidence: data and the target, for allocations that look at them.

    """

    network: Network
    axes: Axes
    importance: Mapping[str, torch.Tensor]
    keep: float
    multiple: Mapping[str, int]
    evidence: "Evidence"

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups that may be cut."""
        return tuple(self.axes.group(name) for name in self.importance)

    def ranked(self) -> dict[str, torch.Tensor]:
        """Per group the importance of its best, second best … index: ``[size]``, the mean over outer indices."""
        return {
            name: (score if score.ndim == 2 else score[None]).sort(-1, descending=True).values.mean(0)
            for name, score in self.importance.items()
        }

    def rounded(self, wanted: Mapping[str, float]) -> dict[str, int]:
        """The nearest counts that are multiples, at least one multiple, at most all."""
        return {
            name: min(self.axes.group(name).size, max(1, round(count / self.multiple[name])) * self.multiple[name])
            for name, count in wanted.items()
        }


@dataclasses.dataclass(frozen=True)
class Allocation(abc.ABC):
    """Base of every way to spread a cut over groups. Subclasses are final frozen dataclasses.

    Attributes:
        word: what legends put before ``prune``; empty for allocations that need no mention there.

    """

    word: ClassVar[str] = ""

    @abc.abstractmethod
    def counts(self, ranking: Ranking) -> dict[str, int]:
        """How many indices each group of a ranking keeps.

        Raises:
            RecipeError: the goal cannot be reached.

        """

    @property
    def goal(self) -> float | None:
        """The share of the network that this allocation is told to keep; None where that is `Channels.keep`."""
        return None

    def toward(self, goal: float) -> "Allocation":  # noqa: ARG002 (for subclasses)
        """The same allocation with another goal; itself where it has none."""
        return self


@dataclasses.dataclass(frozen=True)
class Sharing(Allocation):
    """Base of allocations whose goal is a share of the indices, or of the multiply-accumulates.

    Attributes:
        macs: the share of multiply-accumulates to keep; None to keep the share `Channels.keep` of the indices.

    """

    macs: float | None = None

    def __post_init__(self) -> None:
        if self.macs is not None:
            part(self, "macs", what=STAYS, instead="Write `macs=0.5` for half.")

    @property
    def goal(self) -> float | None:
        """See `Allocation.goal`."""
        return self.macs

    def toward(self, goal: float) -> "Sharing":
        """See `Allocation.toward`."""
        return self if self.macs is None else dataclasses.replace(self, macs=goal)

    def reach(self, ranking: Ranking, at: Callable[[float], dict[str, int]]) -> dict[str, int]:
        """The counts for the goal, out of counts that grow with a share from 0 to 1.

        Where the goal is in multiply-accumulates, they are the largest that do not exceed it.

        Raises:
            RecipeError: even the smallest exceed it.

        """
        if self.macs is None:
            return at(ranking.keep)
        axes, goal = ranking.axes, self.macs * ranking.axes.macs()
        least = axes.macs(at(0.0))
        if least > goal:
            raise unreachable(self, least / axes.macs())
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if axes.macs(at(middle)) <= goal else (low, middle)
        return at(1.0) if axes.macs(at(1.0)) <= goal else at(low)


@dataclasses.dataclass(frozen=True)
class Uniform(Sharing):
    """The same share of every group."""

    word: ClassVar[str] = "uniform"

    def counts(self, ranking: Ranking) -> dict[str, int]:
        """See `Allocation.counts`."""
        return self.reach(
            ranking, lambda part: ranking.rounded({group.name: part * group.size for group in ranking.groups})
        )


@dataclasses.dataclass(frozen=True)
class Competing(Sharing):
    """Base of allocations in which the indices of several groups compete: those above one threshold stay.

    Attributes:
        least: the share of its indices that every group keeps at least, so that no layer collapses.

    """

    least: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        part(self, "least", what=STAYS)

    @abc.abstractmethod
    def together(self, ranking: Ranking) -> Iterable[Iterable[str]]:
        """The names of the groups that compete with one another; each threshold leaves the same share."""

    def counts(self, ranking: Ranking) -> dict[str, int]:
        """See `Allocation.counts`."""
        ranked = ranking.ranked()
        fields = [{name: ranked[name] for name in names} for names in self.together(ranking)]

        def at(part: float) -> dict[str, int]:
            wanted = [_above(field, part, self.least) for field in fields]
            return ranking.rounded({name: count for counts in wanted for name, count in counts.items()})

        return self.reach(ranking, at)


@dataclasses.dataclass(frozen=True)
class Global(Competing):
    """One ranking of all indices of all groups: the least important go first, wherever they are.

    A global threshold instead of equal shares: Liu et al., "Learning efficient convolutional networks through network
    slimming", ICCV 2017, arXiv:1708.06519.

    Attributes:
        least: the share of its indices that every group keeps at least, so that no layer collapses.

    """

    def together(self, ranking: Ranking) -> Iterable[Iterable[str]]:
        """See `Competing.together`."""
        return [ranking.importance]


def _above(ranked: Mapping[str, torch.Tensor], part: float, least: float) -> dict[str, float]:
    """How many indices of each group are above the threshold that leaves a share of all, at least a share of each.

    Args:
        ranked: importance of every group's indices.
        part: the share of all indices that stays.
        least: the share of each group that stays.

    """
    every = torch.cat(list(ranked.values())).sort().values
    removed = round(len(every) * (1.0 - part))
    threshold = every[removed] if removed < len(every) else torch.inf
    return {name: max(float((scores >= threshold).sum()), least * len(scores)) for name, scores in ranked.items()}


def unreachable(allocation: Sharing, least: float) -> RecipeError:
    """The error for a goal below the share of multiply-accumulates that is left at least."""
    return RecipeError(
        f"{type(allocation).__name__}(macs={allocation.macs}) cannot be reached: with as little as every group may keep, "
        f"{least:.3f} of the multiply-accumulates are left. Ask for macs={min(1.0, least + 0.005):.2f} or more, "
        "or let more groups be cut."
    )
