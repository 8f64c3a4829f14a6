"""The size of what flows through an index."""

import dataclasses
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import torch

from paredown.graph.axes import Axes, Group
from paredown.graph.network import Network
from paredown.prune.aggregation import Aggregation, Mean
from paredown.prune.importance import Importance
from paredown.prune.normalization import ByMean
from paredown.prune.passing import collect
from paredown.prune.readings import Reading

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["ActivationNorm"]


@dataclasses.dataclass(frozen=True)
class ActivationNorm(Importance):
    """Euclidean norm of activations.

    ``I_j = mean over tensors x of |x_j|_2 / mean_k |x_k|_2``, where ``x`` are the tensors from which weights read the
    group (after its nonlinearity, therefore) and ``x_j`` all values of index ``j`` in them, over the calibration data.

    The mean activation of Molchanov, Tyree, Karras, Aila, Kautz: "Pruning convolutional neural networks for resource
    efficient inference", ICLR 2017, arXiv:1611.06440, with the norm of Muralidharan et al., "Compact language models
    via pruning and knowledge distillation" (Minitron), NeurIPS 2024, arXiv:2407.14679.

    Attributes:
        over: how the tensors of a group are put together.

    """

    over: Aggregation = dataclasses.field(default_factory=partial(Mean, ByMean()))

    def score(
        self, network: Network, axes: Axes, groups: Iterable[Group], evidence: "Evidence"
    ) -> Mapping[str, torch.Tensor]:
        """See `Importance.score`."""
        squares = collect(network, axes, groups, evidence, lambda values, _: values.square())
        return {
            name: self.over.combine([sums.sum(0).sqrt() for sums in _by_source(found)])
            for name, found in squares.items()
        }


def _by_source(found: Mapping[Reading, torch.Tensor]) -> Iterable[torch.Tensor]:
    """One tensor counts once, however many weights read it."""
    return {reading.source: sums for reading, sums in found.items()}.values()
