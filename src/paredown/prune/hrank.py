"""The rank of the pictures that flow through an index."""

import dataclasses
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import torch

from paredown.errors import RecipeError
from paredown.graph.axes import Axes, Group
from paredown.graph.axes.dims import leaves
from paredown.graph.network import Network
from paredown.prune.activation_norm import ActivationNorm
from paredown.prune.aggregation import Aggregation, Mean
from paredown.prune.importance import Importance
from paredown.prune.normalization import ByMean
from paredown.prune.passing import Operator, Sums, gather
from paredown.prune.readings import Reading, readings
from paredown.recipe.settings import whole

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["HRank"]


@dataclasses.dataclass(frozen=True)
class HRank(Importance):
    """Average rank of the feature maps of an index.

    ``I_j = mean over tensors x of r_xj / mean_k r_xk`` with ``r_xj = 1 / N sum over examples n of rank(x_nj)``, where
    ``x`` are the tensors from which weights read the group (after its nonlinearity, therefore) and ``x_nj`` is the map
    ``[height, width]`` of index ``j`` (of a volume, all axes but the last are its rows). Maps that are zero have the
    rank 0; two that are the same up to a factor have the same.

    A group without maps (tokens, flat features) takes the scores of `otherwise`, divided by their mean, so that its
    average index ranks as an average index with maps does.

    Lin, Ji, Wang, Zhang, Zhang, Tian, Shao: "HRank: filter pruning using high-rank feature map", CVPR 2020,
    arXiv:2002.10179.

    Attributes:
        examples: of the calibration split, at most: the paper finds that ranks vary little from picture to picture.
        over: how the tensors of a group are put together.
        otherwise: the criterion for groups without maps.

    """

    examples: int = 64
    over: Aggregation = dataclasses.field(default_factory=partial(Mean, ByMean()))
    otherwise: Importance = dataclasses.field(default_factory=ActivationNorm)

    def __post_init__(self) -> None:
        whole(self, "examples")

    def score(
        self, network: Network, axes: Axes, groups: Iterable[Group], evidence: "Evidence"
    ) -> Mapping[str, torch.Tensor]:
        """See `Importance.score`.

        Raises:
            RecipeError: none of the groups has maps, or the evidence has no data.

        """
        groups = list(groups)
        places = readings(network, axes, groups)
        maps = {group.name: _maps(axes, group, places[group.name]) for group in groups}
        others = [group for group in groups if not maps[group.name]]
        if len(others) == len(groups):
            msg = (
                f"HRank was given {len(groups)} groups, {groups[0].name!r} the first, and the values of none are maps of "
                "two axes, so that they have no rank. Use prune.ActivationNorm(), or include groups of convolutions."
            )
            raise RecipeError(msg)
        looked = [(group, reading) for group in groups for reading in maps[group.name]]
        looks = [(reading, partial(_ranks, group, reading, maps[group.name][reading])) for group, reading in looked]
        found: dict[str, list[torch.Tensor]] = {}
        for (group, _), rows in zip(looked, gather(network, axes, evidence, looks, self.examples), strict=True):
            found.setdefault(group.name, []).append(rows.mean(0))
        rest = self.otherwise.score(network, axes, others, evidence) if others else {}
        return {name: self.over.combine(ranks) for name, ranks in found.items()} | {
            name: ByMean().apply(score) for name, score in rest.items()
        }


def _maps(axes: Axes, group: Group, places: Iterable[Reading]) -> dict[Reading, tuple[int, ...]]:
    """The axes of the maps in every tensor: of known size, and not those of the group or of examples.

    One tensor counts once, however many weights read it.
    """
    own = {axes.leaf(group.name), axes.outer(group.name)}
    found = {}
    for reading in {reading.source: reading for reading in places}.values():
        over = tuple(
            axis
            for axis, dim in enumerate(axes.nodes[reading.source])
            if isinstance(dim.size, int) and dim.size > 1 and own.isdisjoint(leaves(dim))
        )
        if len(over) > 1:
            found[reading] = over
    return found


def _ranks(
    group: Group, reading: Reading, over: tuple[int, ...], sums: Sums, values: torch.Tensor, _: Operator
) -> torch.Tensor:
    """Rank of every map: ``[examples, size]`` or ``[examples, outer, size]``."""
    maps = values.float().movedim(over, tuple(range(-len(over), 0)))
    return sums(group, reading, torch.linalg.matrix_rank(maps.flatten(-len(over), -2)), over)
