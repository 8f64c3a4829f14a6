"""Shares by the shapes of the weights."""

import dataclasses
import math

from paredown.graph.axes import Group
from paredown.graph.cut.weights import members
from paredown.prune.allocation import Ranking, Sharing

__all__ = ["ERK"]


@dataclasses.dataclass(frozen=True)
class ERK(Sharing):
    """Erdős-Rényi kernel: groups of large weights keep smaller shares.

    A weight of shape ``[out, in, h, w]`` is to keep a density in proportion to ``r = (out + in + h + w) / (out in h
    w)``. It loses entries along both of its channel axes, so each group keeps the share ``s = min(1, e sqrt(r))`` with
    the mean ``r`` of its members, and ``e`` such that the shares of all indices meet the goal. Importance decides only
    which indices stay.

    Evci, Gale, Menick, Castro, Elsen: "Rigging the lottery: making all tickets winners", ICML 2020, arXiv:1911.11134
    (section 3), after Mocanu et al., Nature Communications 2018, arXiv:1707.04780; there for single weights.
    """

    def counts(self, ranking: Ranking) -> dict[str, int]:
        """See `Allocation.counts`."""
        density = {group.name: _density(ranking, group) for group in ranking.groups}
        sizes = {group.name: group.size for group in ranking.groups}
        return self.reach(
            ranking,
            lambda part: ranking.rounded(
                {name: kept * sizes[name] for name, kept in _shares(density, sizes, part).items()}
            ),
        )


def _density(ranking: Ranking, group: Group) -> float:
    shapes = [weight.shape for _, weight in members(ranking.network, group)]
    return math.sqrt(sum(sum(shape) / math.prod(shape) for shape in shapes) / len(shapes))


def _shares(density: dict[str, float], sizes: dict[str, int], part: float) -> dict[str, float]:
    """Shares in proportion to the densities, none above 1, that keep a part of all indices."""
    whole: set[str] = set()
    while True:
        rest = [name for name in density if name not in whole]
        if not rest:
            return dict.fromkeys(density, 1.0)
        wanted = part * sum(sizes.values()) - sum(sizes[name] for name in whole)
        factor = wanted / sum(density[name] * sizes[name] for name in rest)
        over = {name for name in rest if factor * density[name] > 1.0}
        if not over:
            return dict.fromkeys(whole, 1.0) | {name: factor * density[name] for name in rest}
        whole |= over
