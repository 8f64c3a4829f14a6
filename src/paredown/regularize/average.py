"""Averaged weights."""

import dataclasses
from itertools import chain

import torch

from paredown.graph.network import Network
from paredown.recipe.ingredient import Hook, Ingredient, TrainContext
from paredown.recipe.settings import require

__all__ = ["EMA"]


@dataclasses.dataclass(frozen=True)
class EMA(Ingredient):
    """Return an exponential moving average of the weights (Polyak & Juditsky 1992; Tarvainen & Valpola 2017).

    Statistics of batch norm are averaged like weights; buffers with infinite numbers, such as masks, stay. After t steps
    the decay is the smaller of `decay` and ``(1 + t) / (10 + t)``, so that the average of a short training covers its end
    and not where it began.

    Attributes:
        decay: share of the old average that is kept per step, from 0 to below 1.

    """

    decay: float = 0.999

    def __post_init__(self) -> None:
        what = "the share of the old average that is kept per step, from 0 to below 1"
        require(lambda decay: 0.0 <= decay < 1.0, self, "decay", what)

    def start(self, context: TrainContext) -> Hook:
        """Begin the average at the weights as they are."""
        return _AverageHook(self.decay, context.network)


class _AverageHook(Hook):
    def __init__(self, decay: float, network: Network) -> None:
        self._decay = decay
        self._steps = 0
        self._live = _averaged(network)
        self._average = [tensor.detach().clone() for tensor in self._live]

    @torch.no_grad()
    def after_step(self, network: Network) -> None:  # noqa: ARG002 (its tensors are known)
        self._steps += 1
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        torch._foreach_lerp_(self._average, self._live, 1.0 - decay)

    @torch.no_grad()
    def finish(self, network: Network) -> None:  # noqa: ARG002 (its tensors are known)
        torch._foreach_copy_(self._live, self._average)


def _averaged(network: Network) -> list[torch.Tensor]:
    """Parameters and buffers that are real numbers; neither counters nor masks, whose infinity has no mean."""
    buffers = (buffer for buffer in network.buffers() if buffer.isfinite().all())
    return [t.detach() for t in chain(network.parameters(), buffers) if t.dtype.is_floating_point]
