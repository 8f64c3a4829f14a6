"""One ranking for all groups of the same structure."""

import dataclasses
from collections import Counter
from collections.abc import Hashable, Iterable

from paredown.graph.axes import Axes, Group
from paredown.prune.allocation import Competing, Ranking
from paredown.prune.readings import Meetings

__all__ = ["Isomorphic"]


@dataclasses.dataclass(frozen=True)
class Isomorphic(Competing):
    """Groups of the same structure are ranked together, and every structure keeps the same share of its indices.

    Two groups have the same structure when the same operators hold them on the same axes of their weights, equally
    often: heads compete with heads, hidden units with hidden units. Scores of different structures are of different
    sizes by construction, and one threshold over all of them (`Global`) would empty whole kinds of layers.

    Fang, Ma, Mi, Wang: "Isomorphic pruning for vision models", ECCV 2024, arXiv:2407.04616.

    Attributes:
        least: the share of its indices that every group keeps at least.

    """

    def together(self, ranking: Ranking) -> Iterable[Iterable[str]]:
        """See `Competing.together`."""
        operators = {
            name: tuple(str(node.target) for node in nodes) for name, nodes in Meetings(ranking.network).users.items()
        }
        kinds: dict[Hashable, list[str]] = {}
        for group in ranking.groups:
            kinds.setdefault(_structure(ranking.axes, group, operators), []).append(group.name)
        return kinds.values()


def _structure(axes: Axes, group: Group, operators: dict[str, tuple[str, ...]]) -> Hashable:
    held = Counter((carrier.role, carrier.axis, operators.get(carrier.name, ())) for carrier in group.carriers)
    return axes.leaf(group.name).label, group.outer is not None, frozenset(held.items())
