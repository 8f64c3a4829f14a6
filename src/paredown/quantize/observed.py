"""Ranges of a network's activations, from one look at each."""

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import torch

from paredown.errors import RecipeError
from paredown.graph.formats import IntFormat
from paredown.graph.network import Network
from paredown.quantize.counted import Counted
from paredown.quantize.histogram import Histogram
from paredown.quantize.range import Range

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Observed"]

Ends = tuple[float, float]


class Observed:
    """Ends of the ranges of one network's activations, for several plans and several algorithms.

    No value is observed twice: what is new is seen by all algorithms in one pass over the calibration data, and those
    that count values share a histogram.

    Args:
        algorithms: whose ends will be asked for.

    """

    def __init__(self, algorithms: Iterable[Range]) -> None:
        self._algorithms = tuple(dict.fromkeys(algorithms))
        self._values: dict[str, _Value] = {}

    def ends(  # noqa: PLR0913 (whose, of what, for what)
        self,
        algorithm: Range,
        nodes: Iterable[str],
        network: Network,
        evidence: "Evidence",
        form: IntFormat,
        *,
        symmetric: bool = False,
    ) -> dict[str, Ends]:
        """Smallest and largest number to represent, by node.

        Args:
            algorithm: one of those that this was made for.
            nodes: names of nodes whose values will be stored in `form`.
            network: has them; the same whenever it is given.
            evidence: the calibration data.
            form: how values will be stored; likewise.
            symmetric: the stored 0 will mean 0; likewise.

        Raises:
            RecipeError: a value is not finite on the calibration data.

        """
        wanted = list(nodes)
        new = {node: _Value(self._algorithms, form, symmetric=symmetric) for node in wanted if node not in self._values}
        if new:
            evidence.observe(network, {node: _guarded(node, value.add) for node, value in new.items()})
            self._values |= new
        return {node: self._values[node].ends(algorithm) for node in wanted}

    def constant(self, nodes: Iterable[str]) -> dict[str, float]:
        """The nodes, of those whose ends were asked for, that never gave but one number, and the number."""
        return {node: self._values[node].low for node in nodes if self._values[node].low == self._values[node].high}


class _Value:
    """What is kept of one activation."""

    def __init__(self, algorithms: Iterable[Range], form: IntFormat, *, symmetric: bool) -> None:
        every = tuple(algorithms)
        self._form, self._symmetric = form, symmetric
        self._histogram = Histogram() if any(isinstance(one, Counted) for one in every) else None
        self._collectors = {
            one: one.collector(form, symmetric=symmetric) for one in every if not isinstance(one, Counted)
        }
        self._found: dict[Range, Ends] = {}
        self.low, self.high = math.inf, -math.inf

    def add(self, values: torch.Tensor) -> None:
        low, high = (float(end) for end in values.aminmax())
        self.low, self.high = min(self.low, low), max(self.high, high)
        if self._histogram is not None:
            self._histogram.add(values)
        for collector in self._collectors.values():
            collector.add(values)

    def ends(self, algorithm: Range) -> Ends:
        if algorithm not in self._found:
            if isinstance(algorithm, Counted) and self._histogram is not None:
                self._found[algorithm] = algorithm.search(self._histogram, self._form, symmetric=self._symmetric)
            else:
                self._found[algorithm] = self._collectors[algorithm].ends()
        return self._found[algorithm]


def _guarded(node: str, add: Callable[[torch.Tensor], None]) -> Callable[[torch.Tensor], None]:
    def observe(values: torch.Tensor) -> None:
        if not values.isfinite().all():
            msg = (
                f"The value of node {node!r} is not finite on the calibration data, so it has no range. "
                "Look for NaN or infinity in the data (`task.check()` finds them) and in the model's weights."
            )
            raise RecipeError(msg)
        if values.numel():
            add(values.detach())

    return observe
