"""Where a graph is rounded, so that the runtime finds whole chains of 8-bit kernels and no islands.

A conversion between float and 8 bits costs about as much as a cheap operator, so rounding goes where a kernel reads or
writes 8-bit numbers and nowhere else: after the activation that a convolution is fused with, not before it; once
before data is moved (reshaped, sliced, padded, pooled by maximum), not after; on both inputs of a residual addition. A
value computed in float that an 8-bit convolution reads is rounded once, and whatever else reads it takes the same 8 bits.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from torch import fx

from paredown.graph.capabilities import Capabilities
from paredown.graph.movement import JOIN, moves
from paredown.graph.network import Network, module_path
from paredown.graph.products import stored_product

__all__ = ["CONVOLUTIONS", "LINEAR", "MULTIPLY", "NO_LAYER", "RECURRENT", "Placement", "Point", "Weight", "place"]

_aten = torch.ops.aten

CONVOLUTIONS = {_aten.conv1d.default, _aten.conv2d.default, _aten.conv3d.default}
LINEAR = _aten.linear.default
NO_LAYER = "its product with a stored tensor is no linear layer"
_ALWAYS = CONVOLUTIONS | {LINEAR}  # the work is worth a conversion, wherever the input comes from
RECURRENT = frozenset(
    {
        *(_aten.lstm.input, _aten.gru.input, _aten.rnn_tanh.input, _aten.rnn_relu.input),
        *(_aten.lstm_cell.default, _aten.gru_cell.default, _aten.rnn_tanh_cell.default, _aten.rnn_relu_cell.default),
    }
)
MULTIPLY = frozenset(
    _ALWAYS | {_aten.conv_transpose1d.default, _aten.conv_transpose2d.input, _aten.conv_transpose3d.input}
)
"""Layers that multiply with stored weights."""
_PAIRS = {_aten.add.Tensor, _aten.add_.Tensor, _aten.mul.Tensor, _aten.mul_.Tensor}


@dataclasses.dataclass(frozen=True)
class Point:
    """A value that is rounded.

    Attributes:
        node: name of the node that computes it.
        name: what its scale and zero point are called after.
        users: names of the nodes that read the rounded value.
        shares: points with the same word have one scale (the inputs of a concatenation).

    """

    node: str
    name: str
    users: tuple[str, ...]
    shares: str


@dataclasses.dataclass(frozen=True)
class Weight:
    """A weight that is rounded per output channel.

    Attributes:
        parameter: its name.
        bias: name of the bias, empty where there is none.
        users: names of the nodes that read the rounded weight.
        source: node name of the point whose value the weight is multiplied with.

    """

    parameter: str
    bias: str
    users: tuple[str, ...]
    source: str


@dataclasses.dataclass(frozen=True)
class Placement:
    """Everything that is rounded, and what stays in float and why (node name to reason)."""

    points: tuple[Point, ...]
    weights: tuple[Weight, ...]
    left: dict[str, str]


def place(network: Network, capabilities: Capabilities, skip: tuple[str, ...] = ()) -> Placement:
    """Decide where a network with folded batch norms is rounded.

    Args:
        network: read only.
        capabilities: the operators that run faster in 8 bits on the target.
        skip: module paths or node names that stay in float.

    """
    return _Placer(network, capabilities, skip).place()


class _Placer:
    def __init__(self, network: Network, capabilities: Capabilities, skip: tuple[str, ...]) -> None:
        self.network = network
        self.nodes = [node for node in network.nodes() if node.op == "call_function"]
        self.kernels = capabilities.int8
        self.target = capabilities.name
        self.skip = skip
        self.left: dict[str, str] = {}
        self.eight: set[fx.Node] = set()
        self.sharing: set[fx.Node] = set()

    def place(self) -> Placement:
        self._share()
        self.eight = {node for node in self.nodes if self._wanted(node)}
        self.left |= {node.name: NO_LAYER for node in self.nodes if stored_product(node)}
        self.left |= {
            node.name: f"{node.target} has no 8-bit kernel"
            for node in self.nodes
            if node.target in MULTIPLY | RECURRENT and str(node.target) not in self.kernels.operators
        }
        while True:  # an operator on values that are nowhere in 8 bits would only add conversions
            anyway = self._rounded_anyway()
            islands = {node for node in self.eight if node.target not in _ALWAYS and not self._stays(node, anyway)}
            if not islands:
                break
            for node in islands:
                self.left[node.name] = "an input is computed in float"
            self.eight -= islands
        reads: dict[fx.Node, set[fx.Node]] = {}
        for node in self.eight:
            for argument in _values(node):
                for source, reader in self._sources(argument, node):
                    reads.setdefault(source, set()).add(reader)
        for node in self.eight:
            if self._rounds(node):
                reads.setdefault(self._fused(node), set()).update(self._fused(node).users)
        groups = self._groups(set(reads))
        points = tuple(
            Point(
                node.name,
                self._name(node),
                tuple(sorted(user.name for user in reads[node])),
                groups.get(node, node.name),
            )
            for node in self.network.nodes()
            if node in reads
        )
        return Placement(points, tuple(self._weights()), dict(sorted(self.left.items())))

    def _wanted(self, node: fx.Node) -> bool:
        """Whether an operator is to run in 8 bits; notes why not where one could expect it."""
        if str(node.target) not in self.kernels.operators or self._moves(node) or self._clips(node):
            return False
        reason = self._against(node)
        if reason:
            self.left[node.name] = reason
            return False
        return all(_is_float(value) for value in _values(node))

    def _against(self, node: fx.Node) -> str:
        """Why an operator that has an 8-bit kernel stays in float; empty where nothing speaks against it."""
        path = module_path(node)
        if any(name in (node.name, path) or path.startswith(f"{name}.") for name in self.skip):
            return "it was asked to be left in float"
        if node.target in CONVOLUTIONS or node.target is LINEAR:
            weight = node.args[1]
            if not isinstance(weight, fx.Node) or weight.op != "get_attr":
                return "its weight is computed while running"
            grouped = node.target in CONVOLUTIONS and _grouped(node)
            return (
                f"{self.target} runs grouped convolutions slower in 8 bits"
                if grouped and not self.kernels.grouped
                else ""
            )
        if node.target in _PAIRS and len(_values(node)) != 2:
            return "one side is a number"
        if node.target is _aten.mean.dim and not _spatial(node):
            return "it does not average whole images"
        return ""

    def _stays(self, node: fx.Node, anyway: set[fx.Node]) -> bool:
        """Whether an operator is better computed in 8 bits, given what else is."""
        origins = list(self._origins(node))
        given = [origin in self.eight or origin.op == "placeholder" for _, origin in origins]
        fed = any(given) if node.target is JOIN else all(given)
        return fed or self._converts_less(node, origins, anyway)

    def _converts_less(self, node: fx.Node, origins: list[tuple[fx.Node, fx.Node]], anyway: set[fx.Node]) -> bool:
        """Whether an operator with inputs of both kinds costs fewer conversions in 8 bits than in float.

        In 8 bits every input that exists in float only has to be rounded, and the result is turned into float where a
        float operator reads it. In float every input that exists in 8 bits only is turned, and the result is rounded
        where an 8-bit operator reads it. Some runtimes' linear layers give float.
        """
        stored = {source for source, origin in origins if origin in self.eight and self._rounds(origin)}
        sources = {source for source, _ in origins}
        readers = list(self._readers(self._fused(node)))
        into = len(sources - stored - anyway) + any(reader not in self.eight for reader in readers)
        return into < len(stored) + any(reader in self.eight for reader in readers)

    def _origins(self, node: fx.Node) -> Iterator[tuple[fx.Node, fx.Node]]:
        """Every value that reaches an operator, with the operator that computes it before its fused activations."""
        for argument in _values(node):
            for source, _ in self._sources(argument, node):
                origin = source
                while self._clips(origin) and len(_values(origin)[0].users) == 1:
                    origin = _values(origin)[0]
                yield source, origin

    def _rounded_anyway(self) -> set[fx.Node]:
        """Values that 8-bit layers read, so that rounding them is paid for whoever else reads them."""
        layers = [node for node in self.eight if node.target in _ALWAYS]
        return {source for node in layers for argument in _values(node) for source, _ in self._sources(argument, node)}

    def _readers(self, value: fx.Node) -> Iterator[fx.Node]:
        """The operators that a value reaches, also through data movement."""
        for user in value.users:
            yield from self._readers(user) if self._moves(user) else (user,)

    def _share(self) -> None:
        """Find the concatenations whose inputs can have one scale, so that they only copy bytes.

        Not where some inputs come from a ReLU and others do not: with a common zero point the ReLU would have to be
        computed, and the convolution before it in float.
        """
        for node in self.nodes:
            if node.target is JOIN and self.kernels.concat_shares_scale:
                self.sharing.add(node)
                clipped = {self._clips(source) for source, _ in self._sources(node, node)}
                if len(clipped) > 1:
                    self.sharing.remove(node)

    def _clips(self, node: fx.Node) -> bool:
        """Whether an activation is computed together with the layer before it."""
        return str(node.target) in self.kernels.fused_clips

    def _fused(self, node: fx.Node) -> fx.Node:
        """The last of the activations that the runtime computes together with a node."""
        while len(node.users) == 1:
            following = next(iter(node.users))
            if not self._clips(following):
                break
            node = following
        return node

    def _rounds(self, node: fx.Node) -> bool:
        """Whether what an 8-bit operator gives is rounded: not what linear layers give, unless their kernels ask for it."""
        if node.target is not LINEAR or self.kernels.output_rounded:
            return True
        return self.kernels.io is not None and any(user.op == "output" for user in self._readers(self._fused(node)))

    def _moves(self, node: fx.Node) -> bool:
        return moves(node) and (node.target is not JOIN or node in self.sharing)

    def _sources(self, value: fx.Node, reader: fx.Node) -> Iterator[tuple[fx.Node, fx.Node]]:
        """The values that reach a reader through data movement, each with the first node that reads it on the way."""
        if not self._moves(value):
            yield value, reader
            return
        for part in _values(value):
            yield from self._sources(part, value)

    def _groups(self, points: set[fx.Node]) -> dict[fx.Node, str]:
        """Inputs of one concatenation share a scale, so that it only copies bytes."""
        group: dict[fx.Node, str] = {}
        for node in self.nodes:
            if node not in self.sharing:
                continue
            parts = [source for source, _ in self._sources(node, node) if source in points]
            words = {group.get(part, part.name) for part in parts}
            for member in [*parts, *(other for other, word in group.items() if word in words)]:
                group[member] = min(words)
        return group

    def _weights(self) -> Iterator[Weight]:
        users: dict[str, list[fx.Node]] = {}
        for node in self.nodes:
            if node in self.eight and (node.target in CONVOLUTIONS or node.target is LINEAR):
                users.setdefault(str(node.args[1].target), []).append(node)  # type: ignore[union-attr]
        for parameter, nodes in users.items():
            bias = nodes[0].args[2] if len(nodes[0].args) > 2 else None
            source, _ = next(self._sources(_values(nodes[0])[0], nodes[0]))
            name = str(bias.target) if isinstance(bias, fx.Node) and bias.op == "get_attr" else ""
            yield Weight(parameter, name, tuple(node.name for node in nodes), source.name)

    def _name(self, node: fx.Node) -> str:
        """``layer1.0.relu_1`` where the module ``layer1.0`` exists in the graph."""
        owner = module_path(node)
        while owner:
            try:
                self.network.graph_module.get_submodule(owner)
            except AttributeError:
                owner = owner.rpartition(".")[0]
            else:
                return f"{owner}.{node.name}"
        return node.name


def _values(node: fx.Node) -> list[fx.Node]:
    """The activations an operator reads (not weights, biases or sizes)."""
    if node.target in CONVOLUTIONS or node.target is LINEAR:
        arguments: list[Any] = [node.args[0]]
    elif node.target is JOIN:
        arguments = list(node.args[0])  # type: ignore[arg-type]
    else:
        arguments = [argument for argument in node.args if isinstance(argument, fx.Node)]
    return [argument for argument in arguments if isinstance(argument.meta.get("val"), torch.Tensor | list | tuple)]


def _is_float(node: fx.Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and value.dtype == torch.float32


def _spatial(node: fx.Node) -> bool:
    value, axes = _values(node)[0].meta["val"], node.args[1]
    if not isinstance(axes, list | tuple):
        return False
    return sorted(int(str(axis)) % value.ndim for axis in axes) == list(range(2, value.ndim))


def _grouped(node: fx.Node) -> bool:
    """Whether a convolution has groups of several channels (depthwise convolutions have groups of one)."""
    groups = node.args[6] if len(node.args) > 6 else 1
    weight = node.args[1].meta["val"]  # type: ignore[union-attr]
    return bool(groups != 1 and weight.shape[1] > 1)
