"""One ranking for all groups of the same structure."""

import dataclasses
from collections import Counter
from collections.abc import Hashable

from paredown.graph.axes import Axes, Group
from paredown.prune.allocation import Ranking, Sharing, above, share
from paredown.prune.readings import Meetings

__all__ = ["Isomorphic"]


@dataclasses.dataclass(frozen=True)
class Isomorphic(Sharing):
    """Groups of the same structure are ranked together, and every structure keeps the same share of its indices.

    Two groups have the same structure when the same operators hold them on the same axes of their weights, equally
    often: heads compete with heads, hidden units with hidden units. Scores of different structures are of different
    sizes by construction, and one threshold over all of them (`Global`) would empty whole kinds of layers.

    Fang, Ma, Mi, Wang: "Isomorphic pruning for vision models", ECCV 2024, arXiv:2407.04616.

    Attributes:
        least: the share of its indices that every group keeps at least.

    """

    least: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        share("least", self.least)

    def counts(self, ranking: Ranking) -> dict[str, int]:
        """See `Allocation.counts`."""
        ranked = ranking.ranked()
        operators = {
            name: tuple(str(node.target) for node in nodes) for name, nodes in Meetings(ranking.network).users.items()
        }
        kinds: dict[Hashable, list[str]] = {}
        for group in ranking.groups:
            kinds.setdefault(_structure(ranking.axes, group, operators), []).append(group.name)

        def at(part: float) -> dict[str, int]:
            wanted = [above({name: ranked[name] for name in names}, part, self.least) for names in kinds.values()]
            return ranking.rounded({name: count for counts in wanted for name, count in counts.items()})

        return self.reach(ranking, at)


def _structure(axes: Axes, group: Group, operators: dict[str, tuple[str, ...]]) -> Hashable:
    held = Counter((carrier.role, carrier.axis, operators.get(carrier.name, ())) for carrier in group.carriers)
    return axes.leaf(group.name).label, group.outer is not None, frozenset(held.items())
