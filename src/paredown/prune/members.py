"""Scores of groups from the entries of their weights."""

from collections.abc import Callable, Iterable

import torch

from paredown.graph.axes import Axes, Carrier, Group
from paredown.graph.cut.weights import members, per_index
from paredown.graph.network import Network
from paredown.prune.aggregation import Aggregation

__all__ = ["score_members"]


def score_members(  # noqa: PLR0913, PLR0917 (where, and then what)
    network: Network,
    axes: Axes,
    groups: Iterable[Group],
    over: Aggregation,
    entries: Callable[[Carrier, torch.Tensor], torch.Tensor],
    finish: Callable[[torch.Tensor], torch.Tensor] = lambda total: total,
) -> dict[str, torch.Tensor]:
    """Scores by group name: of each member ``finish(sum of its entries at an index)``, put together by ``over``.

    Args:
        network: left bit-identical.
        axes: its analysis.
        groups: which groups to score.
        over: puts the members of a group together.
        entries: what counts of a weight, entry by entry, given what axis of which weight it is and the weight itself.
        finish: what is made of the sums ``[size]`` or ``[outer, size]`` of one member.

    """
    return {
        group.name: over.combine(
            [
                finish(per_index(axes, group, carrier, entries(carrier, weight)))
                for carrier, weight in members(network, group)
            ]
        )
        for group in groups
    }
