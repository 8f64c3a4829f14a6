"""Weights times activations."""

import dataclasses
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import torch

from paredown.graph.axes import Axes, Group
from paredown.graph.cut.weights import per_index
from paredown.graph.network import Network
from paredown.prune.aggregation import Aggregation, Mean
from paredown.prune.importance import Importance
from paredown.prune.normalization import ByMean
from paredown.prune.passing import collect
from paredown.prune.readings import Reading

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Wanda"]


@dataclasses.dataclass(frozen=True)
class Wanda(Importance):
    """Pruning by weights and activations, on whole slices.

    ``I_j = mean over members m of A_j / mean_k A_k`` with ``A_j = |m_j|_1 |x_j|_2``: the score ``|W_ij| |x_j|_2`` of
    single weights, summed over what reads index ``j``. The members are the weights that consume the group, ``x_j`` all
    values of index ``j`` that member reads over the calibration data. Where no weight consumes the group (dimensions of
    queries and keys), ``A_j = |x_j|_2`` of what its weights produce.

    Sun, Liu, Bair, Kolter: "A simple and effective pruning approach for large language models", ICLR 2024,
    arXiv:2306.11695 (equation 1).

    Attributes:
        over: how the members of a group are put together.

    """

    over: Aggregation = dataclasses.field(default_factory=partial(Mean, ByMean()))

    def score(
        self, network: Network, axes: Axes, groups: Iterable[Group], evidence: "Evidence"
    ) -> Mapping[str, torch.Tensor]:
        """See `Importance.score`."""
        groups = list(groups)
        tensors = dict(
            [*network.named_parameters(remove_duplicate=False), *network.named_buffers(remove_duplicate=False)]
        )
        squares = collect(network, axes, groups, evidence, lambda values, _: values.square())
        return {
            group.name: self.over.combine(
                [
                    sums.sum(0).sqrt() * _weight(tensors, axes, group, reading)
                    for reading, sums in squares[group.name].items()
                ]
            )
            for group in groups
        }


def _weight(tensors: Mapping[str, torch.Tensor], axes: Axes, group: Group, reading: Reading) -> torch.Tensor:
    if reading.carrier is None:
        return torch.ones(())
    return per_index(axes, group, reading.carrier, tensors[reading.carrier.name].detach().abs())
