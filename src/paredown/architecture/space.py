"""What can be chosen: widths of coupled groups and residual blocks, and what a choice costs."""

import dataclasses
import math
from collections.abc import Mapping

import torch

from paredown.errors import RecipeError
from paredown.graph.axes import Axes, Group, analyse
from paredown.graph.bypass import Block, blocks, unused
from paredown.graph.network import Network
from paredown.recipe.settings import part, require, whole

__all__ = ["Candidate", "Depth", "Space", "Width"]


@dataclasses.dataclass(frozen=True)
class Width:
    """Each coupled group (channels, heads, hidden units) keeps one of several shares of its indices.

    Attributes:
        least: smallest share.
        levels: number of shares, evenly from `least` to all; counts are rounded to the target's multiple.

    """

    least: float = 0.25
    levels: int = 8

    def __post_init__(self) -> None:
        part(self, "least")
        whole(self, "levels", least=2)

    def counts(self, size: int, multiple: int) -> tuple[int, ...]:
        """Numbers of indices to choose from, ascending, all of them last."""
        multiple = multiple if size % multiple == 0 and size > multiple else 1
        shares = [self.least + (1 - self.least) * level / (self.levels - 1) for level in range(self.levels)]
        return tuple(
            sorted({min(size, max(1, round(share * size / multiple)) * multiple) for share in shares} | {size})
        )


@dataclasses.dataclass(frozen=True)
class Depth:
    """Each residual block stays or goes.

    Attributes:
        most: largest share of the blocks that may go.

    """

    most: float = 1.0

    def __post_init__(self) -> None:
        require(lambda most: 0.0 <= most <= 1.0, self, "most", "a share of the blocks, from 0 to 1")


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One network of the space.

    Attributes:
        widths: number of kept indices of each group of the space.
        dropped: whether each block of the space is left out.

    """

    widths: tuple[int, ...]
    dropped: tuple[bool, ...]


class Space:
    """All networks that can be made of one network.

    Attributes:
        axes: analysis of the network.
        groups: the groups with more than one width.
        counts: per group the numbers of indices to choose from, ascending.
        blocks: the blocks that can go.
        most: how many of them.

    """

    def __init__(self, network: Network, width: Width | None, depth: Depth | None, multiple: int) -> None:
        self.network = network
        self.axes: Axes = analyse(network)
        groups = [(group, width.counts(group.size, multiple)) for group in self.axes.free] if width else []
        self.groups: tuple[Group, ...] = tuple(group for group, counts in groups if len(counts) > 1)
        self.counts = tuple(counts for _, counts in groups if len(counts) > 1)
        self.blocks: tuple[Block, ...] = blocks(network) if depth and depth.most > 0 else ()
        self.most = math.ceil(depth.most * len(self.blocks)) if depth else 0
        if not self.groups and not self.blocks:
            held = "; ".join(f"{group.name!r} is held by {group.frozen_by}" for group in self.axes.groups[:3])
            msg = (
                "There is nothing to choose in this network: no group of channels can be cut, and no residual block can "
                f"be left out{f' ({held})' if held else ''}. Leave this step out for this network."
            )
            raise RecipeError(msg)
        self._unused: dict[tuple[bool, ...], tuple[frozenset[str], frozenset[str]]] = {}
        self._carriers = tuple(frozenset(carrier.name for carrier in group.carriers) for group in self.groups)

    @property
    def whole(self) -> Candidate:
        """The network as it is."""
        return Candidate(tuple(counts[-1] for counts in self.counts), (False,) * len(self.blocks))

    def size(self) -> float:
        """Number of networks in the space."""
        depth = sum(math.comb(len(self.blocks), k) for k in range(self.most + 1))
        return float(depth) * math.prod(float(len(counts)) for counts in self.counts)

    def without(self, candidate: Candidate) -> tuple[frozenset[str], frozenset[str]]:
        """Names of the nodes and of the parameters that a candidate does not have."""
        if candidate.dropped not in self._unused:
            self._unused[candidate.dropped] = unused(self.network, self.dropped(candidate))
        return self._unused[candidate.dropped]

    def dropped(self, candidate: Candidate) -> tuple[Block, ...]:
        """The blocks that a candidate leaves out."""
        return tuple(block for block, gone in zip(self.blocks, candidate.dropped, strict=True) if gone)

    def kept(self, candidate: Candidate) -> dict[str, int]:
        """Number of kept indices of every group that a candidate makes narrower."""
        return {
            group.name: width for group, width in zip(self.groups, candidate.widths, strict=True) if width < group.size
        }

    def alive(self, candidate: Candidate) -> tuple[int, ...]:
        """Positions of the groups that the candidate's blocks have not taken along."""
        _, gone = self.without(candidate)
        return tuple(i for i, carriers in enumerate(self._carriers) if not carriers <= gone)

    def canonical(self, candidate: Candidate) -> Candidate:
        """The same network with full widths where a left out block has taken a group along."""
        alive = set(self.alive(candidate))
        widths = tuple(width if i in alive else self.counts[i][-1] for i, width in enumerate(candidate.widths))
        return Candidate(widths, candidate.dropped)

    def macs(self, candidate: Candidate) -> int:
        """Multiply-accumulates for one example."""
        return self.axes.macs(self.kept(candidate), self.without(candidate)[0])

    def parameters(self, candidate: Candidate) -> int:
        """Entries of all parameters and buffers."""
        return self.axes.elements(self.kept(candidate), self.without(candidate)[1])


def ranked(importance: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Indices of every group from the most to the least important, per outer index where there is one."""
    return {name: scores.argsort(dim=-1, descending=True, stable=True) for name, scores in importance.items()}


def best(order: torch.Tensor, count: int) -> torch.Tensor:
    """The `count` first indices of a ranking, ascending."""
    return order[..., :count].sort(-1).values
