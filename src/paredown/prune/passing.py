"""One pass of data through a network, with a hand on the values that weights read."""

import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import fx

from paredown.graph.axes import Axes, Group
from paredown.graph.axes.dims import leaves, size_of
from paredown.graph.network import Network
from paredown.prune.places import tally
from paredown.prune.readings import Reading, readings

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Hook", "Operator", "Pass", "Sums", "collect", "gather"]

Operator = Callable[[torch.Tensor], torch.Tensor]
"""An operator of the graph as a function of the values that are read, all else as it is."""

Hook = Callable[[torch.Tensor, Operator], torch.Tensor]
"""``hook(values, operator)``: what is read, and what reads it."""


class Pass(fx.Interpreter):
    """Runs a graph; a hook sees what one operator reads, and returns what that operator reads instead.

    No other operator notices. Of values that are taken as they are given, all that follows does.

    Args:
        network: run as it is.
        hooks: what to do at which reading, one after the other where several are of one.

    """

    def __init__(self, network: Network, hooks: Iterable[tuple[Reading, Hook]]) -> None:
        super().__init__(network.graph_module)
        self._at: dict[str, list[tuple[str, Hook]]] = {}
        for reading, hook in hooks:
            self._at.setdefault(reading.operator or reading.source, []).append((reading.source, hook))

    def run_node(self, n: fx.Node) -> Any:
        """Run a node, or hand it over."""
        hooks = self._at.get(n.name)
        if hooks is None:
            return super().run_node(n)
        values = {source: self.env[source] for source in n.all_input_nodes}
        for name, hook in hooks:
            if name != n.name:
                source = next(source for source in values if source.name == name)
                values[source] = hook(values[source], functools.partial(_operate, n, values, source))
        result = _operate(n, values)
        for name, hook in hooks:
            if name == n.name:
                result = hook(result, lambda given: given)
        return result


def _operate(
    node: fx.Node, values: Mapping[fx.Node, Any], source: fx.Node | None = None, value: torch.Tensor | None = None
) -> Any:
    given = {**values} if source is None else {**values, source: value}
    args, kwargs = fx.map_arg((node.args, node.kwargs), given.__getitem__)
    return node.target(*args, **kwargs)  # type: ignore[operator]


class Sums:
    """Sums of values per example and index of a group, for one batch of a network.

    Args:
        network: what the batch goes through.
        axes: its analysis.
        inputs: the batch, as flat tensors.

    """

    def __init__(self, network: Network, axes: Axes, inputs: Sequence[torch.Tensor]) -> None:
        self._axes = axes
        shapes = [node.meta["val"].shape for node in network.nodes() if node.op == "placeholder"]
        self._symbols = {
            size_of(length): actual
            for shape, tensor in zip(shapes, inputs, strict=True)
            for length, actual in zip(shape, tensor.shape, strict=True)
            if isinstance(length, torch.SymInt)
        }
        self._batch = next(iter(self._symbols), None)

    def __call__(
        self, group: Group, reading: Reading, values: torch.Tensor, gone: Collection[int] = ()
    ) -> torch.Tensor:
        """``[examples, size]`` or ``[examples, outer, size]``; one row for values that all examples share.

        Args:
            group: whose indices.
            reading: what the values were read by.
            values: of the shape of what is read, but for the axes in `gone`.
            gone: axes of what is read that the values have no more.

        """
        dims = [dim for axis, dim in enumerate(self._axes.nodes[reading.source]) if axis not in gone]
        examples = next((leaf for dim in dims for leaf in leaves(dim) if leaf.size == self._batch), None)
        atoms = [examples, self._axes.outer(group.name), self._axes.leaf(group.name)]
        sums = tally(values.detach(), dims, [atom for atom in atoms if atom is not None], self._symbols)
        return sums if examples is not None else sums[None]


Measure = Callable[[Sums, torch.Tensor, Operator], torch.Tensor]
"""Rows for one batch, one per example, out of the values that are read and the operator that reads them."""


def collect(
    network: Network, axes: Axes, groups: Iterable[Group], evidence: "Evidence", entries: Hook
) -> dict[str, dict[Reading, torch.Tensor]]:
    """Sums of entries per example and index, for every reading of every group, over the calibration split.

    Args:
        network: left bit-identical; a copy runs in eval mode, without gradients.
        axes: its analysis.
        groups: whose values to look at.
        evidence: the data.
        entries: makes what is summed, of the shape of the values, out of the values and the operator that reads them.

    Returns:
        ``[examples, size]`` or ``[examples, outer, size]`` by name of the group and reading.

    Raises:
        RecipeError: the evidence has no data, or a group has no values to look at.

    """

    def summed(place: tuple[Group, Reading], sums: Sums, values: torch.Tensor, operate: Operator) -> torch.Tensor:
        return sums(*place, entries(values, operate))

    groups = list(groups)
    found = readings(network, axes, groups)
    places = [(group, reading) for group in groups for reading in found[group.name]]
    looks = [(reading, functools.partial(summed, (group, reading))) for group, reading in places]
    sums_of: dict[str, dict[Reading, torch.Tensor]] = {group.name: {} for group in groups}
    for (group, reading), rows in zip(places, gather(network, axes, evidence, looks), strict=True):
        sums_of[group.name][reading] = rows
    return sums_of


def gather(
    network: Network,
    axes: Axes,
    evidence: "Evidence",
    looks: Iterable[tuple[Reading, Measure]],
    examples: int | None = None,
) -> list[torch.Tensor]:
    """What is measured of some readings over the calibration split.

    Args:
        network: left bit-identical; a copy runs in eval mode, without gradients.
        axes: its analysis.
        evidence: the data.
        looks: what to measure where.
        examples: to look at, at most; None for all.

    Returns:
        ``[examples, ...]`` per look.

    Raises:
        RecipeError: the evidence has no data.

    """
    looks = list(looks)
    parts: list[list[torch.Tensor]] = [[] for _ in looks]
    twin = network.copy().eval().to(evidence.device)
    for inputs in evidence.calibration(examples, twin):
        sums = Sums(network, axes, inputs)

        def look(number: int, values: torch.Tensor, operate: Operator, sums: Sums = sums) -> torch.Tensor:
            parts[number].append(looks[number][1](sums, values, operate))
            return values

        hooks = [(reading, functools.partial(look, number)) for number, (reading, _) in enumerate(looks)]
        with torch.no_grad():
            Pass(twin, hooks).run(*inputs)
    return [torch.cat(part) for part in parts]
