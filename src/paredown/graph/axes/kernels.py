"""Layers on their own: networks of one convolution or linear layer, at any width, whose time can be taken."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import fx, nn

from paredown.graph.axes.analysis import Call
from paredown.graph.axes.groups import Axes
from paredown.graph.network import InputSpec, Network
from paredown.graph.shapes import propagate
from paredown.graph.structure import flatten

__all__ = ["Kernel", "Layer", "layers"]

_aten = torch.ops.aten
_CONVOLUTIONS = {_aten.conv1d.default, _aten.conv2d.default, _aten.conv3d.default}
_LINEAR = _aten.linear.default


@dataclasses.dataclass(frozen=True)
class Kernel:
    """One operator with all its sizes: two layers with the same kernel take the same time.

    Attributes:
        operator: convolution or linear.
        rows: shape of its input for one example of the network.
        weight: shape of its weight.
        bias: whether it has one.
        settings: stride, padding and dilation of a convolution.

    """

    operator: Any
    rows: tuple[int, ...]
    weight: tuple[int, ...]
    bias: bool
    settings: tuple[tuple[int, ...], ...] = ()

    @property
    def macs(self) -> int:
        """Multiply-accumulates for each number that it puts out times their number; 0 where its input is empty."""
        return 0 if 0 in self.rows else self._outputs() * int(torch.Size(self.weight[1:]).numel())

    def _outputs(self) -> int:
        with torch.device("meta"):
            found = self.operator(*self._arguments(torch.empty(self.rows), torch.empty(self.weight), None))
        return int(found.numel())

    def _arguments(self, rows: Any, weight: Any, bias: Any) -> tuple[Any, ...]:
        if self.operator is _LINEAR:
            return rows, weight, bias
        groups = self.rows[1] // self.weight[1]
        return rows, weight, bias, *map(list, self.settings), groups

    def example(self, rows: int | None = None) -> torch.Tensor:
        """An input with so many rows, those of one example of the network where not given; always the same."""
        shape = (self.rows[0] if rows is None else rows, *self.rows[1:])
        return torch.randn(shape, generator=torch.Generator().manual_seed(0))

    def network(self) -> Network:
        """A network that computes nothing else, with random weights; its example is one row more than `rows` has."""
        root = nn.Module()
        generator = torch.Generator().manual_seed(0)
        root.weight = nn.Parameter(torch.randn(self.weight, generator=generator) / 8)
        if self.bias:
            root.bias = nn.Parameter(torch.randn(self.weight[0], generator=generator))
        graph = fx.Graph()
        source = graph.placeholder("x")
        weight = graph.get_attr("weight")
        bias = graph.get_attr("bias") if self.bias else None
        result = graph.call_function(self.operator, self._arguments(source, weight, bias))
        graph.output((result,))
        example = self.example(self.rows[0] + 1)
        spec = InputSpec("x", torch.float32, ("batch", *self.rows[1:]))
        _, nesting = flatten(((example,), {}))
        _, single = flatten(example)
        return propagate(Network(fx.GraphModule(root, graph), (spec,), nesting, single, (example,)))


@dataclasses.dataclass(frozen=True)
class Layer:
    """A convolution or linear layer of a network, and how its sizes follow a cut.

    Attributes:
        node: its name in the graph.
        source: name of the node whose value it reads.
        weight: name of its weight.
        bias: whether it has one.
        operator: convolution or linear.
        settings: as in `Kernel`.

    """

    node: str
    source: str
    weight: str
    bias: bool
    operator: Any
    settings: tuple[tuple[int, ...], ...]

    def kernel(self, axes: Axes, kept: Mapping[str, int]) -> Kernel:
        """The operator when groups keep so many indices; groups that are not named keep all of theirs."""
        return Kernel(
            self.operator,
            axes.sizes(axes.nodes[self.source], kept),
            axes.sizes(axes.parameters[self.weight], kept),
            self.bias,
            self.settings,
        )


def layers(network: Network, axes: Axes) -> tuple[Layer, ...]:
    """Every convolution and linear layer whose weight is a parameter, in the order of the graph."""
    found = []
    for node in network.nodes():
        if node.target not in _CONVOLUTIONS and node.target is not _LINEAR:
            continue
        call = Call(node)
        source, weight = call["input"], call["weight"]
        if weight.op != "get_attr" or axes.nodes.get(source.name) is None:
            continue
        names = () if node.target is _LINEAR else ("stride", "padding", "dilation")
        rank = weight.meta["val"].dim() - 2
        settings = tuple(_spread(call[name], rank) for name in names)
        bias = isinstance(call["bias"], fx.Node)
        found.append(Layer(node.name, source.name, str(weight.target), bias, node.target, settings))
    return tuple(found)


def _spread(value: Any, rank: int) -> tuple[int, ...]:
    numbers = (value,) if isinstance(value, int) else tuple(value)
    return numbers * rank if len(numbers) == 1 else numbers
