"""Stretches of a rounded network that are improved one after the other."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import fx

from paredown.graph.capabilities import CLIPS
from paredown.graph.dynamic import is_dynamic
from paredown.graph.fakequantize import FakeQuantize, effective, spread, tensor_of
from paredown.graph.network import Network
from paredown.graph.walk import Walk, call
from paredown.quantize.placement import CONVOLUTIONS, LINEAR
from paredown.quantize.sharing import Sharing

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Layer", "Problem", "Segment", "batches", "blocks", "layers", "march"]

_NONE: Mapping[fx.Node, torch.Tensor] = MappingProxyType({})


@dataclasses.dataclass(frozen=True)
class Layer:
    """A convolution or linear layer with a stored, rounded weight that nothing else uses.

    Attributes:
        module: what holds its parameters.
        node: the layer.
        rounding: of its weight.

    """

    module: fx.GraphModule
    node: fx.Node
    rounding: FakeQuantize

    @property
    def name(self) -> str:
        """Name of the weight."""
        return str(self.rounding.value.target)

    @property
    def weight(self) -> torch.Tensor:
        """The weight before rounding."""
        return tensor_of(self.module, self.name).detach()

    @property
    def channels(self) -> int:
        """The axis of the channels in what the layer computes."""
        return -1 if self.node.target is LINEAR else 1

    def grid(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Scale and zero point that the weight is rounded with, in shapes that broadcast with it."""
        entry = self.rounding
        scale, zero_point = effective(
            tensor_of(self.module, entry.scale),
            tensor_of(self.module, entry.zero_point),
            entry.quant_min,
            entry.quant_max,
        )
        return spread(scale, self.weight, entry.axis), spread(zero_point, self.weight, entry.axis)

    def on_grid(self, ratio: torch.Tensor) -> torch.Tensor:
        """The weight whose stored numbers are ``ratio + zero point``, clipped to the format (whole or not)."""
        step, zero = self.grid()
        entry = self.rounding
        return ((ratio + zero).clamp(entry.quant_min, entry.quant_max) - zero) * step

    def nearest(self) -> torch.Tensor:
        """The weight as it is rounded now."""
        return self.on_grid((self.weight / self.grid()[0]).round())

    @torch.no_grad()
    def write(self, weight: torch.Tensor) -> None:
        """Change the weight in place."""
        tensor_of(self.module, self.name).copy_(weight)

    def stretch(self, *, activation: bool) -> "Segment":
        """The layer alone, or with the clip behind it that nothing else reads."""
        following = _activation(self.node) if activation else None
        nodes = (self.rounding.node, self.node, *([following] if following else []))
        return Segment(nodes, (self,))


@dataclasses.dataclass(frozen=True)
class Segment:
    """Nodes of a rounded network, in order, whose last one has a twin in the float network.

    Attributes:
        nodes: what is computed.
        layers: those among them whose weights are rounded.

    """

    nodes: tuple[fx.Node, ...]
    layers: tuple[Layer, ...]

    @property
    def end(self) -> str:
        """Name of the last node."""
        return self.nodes[-1].name

    @property
    def reads(self) -> tuple[fx.Node, ...]:
        """Nodes before the segment whose values it takes."""
        inside = set(self.nodes)
        sources = [source for node in self.nodes for source in node.all_input_nodes if source.op != "get_attr"]
        return tuple(dict.fromkeys(source for source in sources if source not in inside))

    def run(
        self,
        values: Mapping[fx.Node, Any],
        weights: Mapping[fx.Node, torch.Tensor] = _NONE,
        mix: Callable[[Any, Any], Any] | None = None,
    ) -> torch.Tensor:
        """The last node's value.

        Args:
            values: of the nodes in `reads`.
            weights: taken in place of what nodes compute, by node (of a weight's rounding).
            mix: makes one value of a rounded activation and the value before rounding.

        """
        known: dict[fx.Node, Any] = {**values, **weights}
        for node in self.nodes:
            if node not in known:
                known[node] = call(self.layers[0].module, node, known)
                rounding = FakeQuantize.of(node) if mix else None
                if mix and rounding and rounding.value in known:
                    known[node] = mix(known[node], known[rounding.value])
        result: torch.Tensor = known[self.nodes[-1]]
        return result


@dataclasses.dataclass(frozen=True)
class Problem:
    """A segment with what it reads and what it should compute, batch by batch.

    Attributes:
        segment: its weights may be changed in place; what follows will see it.
        inputs: values of the nodes that it reads, from the rounded network.
        originals: values of the same nodes in the float network, before rounding.
        targets: the values that its last node has in the float network.

    """

    segment: Segment
    inputs: Sequence[Mapping[fx.Node, Any]]
    originals: Sequence[Mapping[fx.Node, Any]]
    targets: Sequence[torch.Tensor]


def layers(rounded: Network) -> tuple[Layer, ...]:
    """Every such layer, in order of execution."""
    sharing = Sharing(rounded)
    found = []
    for node in rounded.nodes():
        if node.target not in CONVOLUTIONS and node.target is not LINEAR:
            continue
        weight = node.args[1]
        rounding = FakeQuantize.of(weight) if isinstance(weight, fx.Node) else None
        if rounding is not None and len(rounding.node.users) == 1 and sharing.alone(rounding.value):
            found.append(Layer(rounded.graph_module, node, rounding))
    return tuple(found)


def blocks(original: Network, rounded: Network) -> tuple[Segment, ...]:
    """The stretches between values that everything passes through: residual blocks, else layers with their clips.

    A layer that lies in no such stretch is one of its own.
    """
    found = layers(rounded)
    roundings = {layer.rounding.node: layer for layer in found}
    twins = {node.name for node in original.nodes()}
    place = {node: position for position, node in enumerate(rounded.nodes())}
    computed, live = {layer.node for layer in found}, set[fx.Node]()
    segments: list[Segment] = []
    current: list[fx.Node] = []
    for node in rounded.nodes():
        if node.op != "call_function":
            continue
        if current or node in roundings:
            current.append(node)
        if node in computed or (_is_tensor(node) and not computed.isdisjoint(node.all_input_nodes)):
            computed.add(node)
            live.add(node)
        live = {value for value in live if any(place[user] > place[node] for user in value.users)}
        if live == {node} and node.name in twins and _activation(node) is None and current:
            if not any(map(_in_place, current)):  # a segment is run again and again on the same values
                segments.append(Segment(tuple(current), tuple(roundings[n] for n in current if n in roundings)))
            current = []
    inside = {layer.node for segment in segments for layer in segment.layers}
    segments += [layer.stretch(activation=True) for layer in found if layer.node not in inside]
    return tuple(sorted(segments, key=lambda segment: place[segment.nodes[0]]))


def batches(evidence: "Evidence", network: Network, examples: int, size: int) -> list[list[torch.Tensor]]:
    """Calibration inputs in small batches; as the data has them where an input does not begin with the batch."""
    given = evidence.calibration(examples, network)
    if any(spec.shape[:1] != ("batch",) for spec in network.inputs):
        return list(given)
    return [list(part) for inputs in given for part in zip(*(torch.split(t, size) for t in inputs), strict=True)]


def march(
    original: Network, rounded: Network, segments: Sequence[Segment], given: Sequence[Sequence[torch.Tensor]]
) -> Iterator[Problem]:
    """Stand in front of one segment after the other, both networks computed that far."""
    target, walk = Walk(original, given), Walk(rounded, given)
    twins = {node.name for node in original.nodes()}
    for segment in segments:
        target.until(next(node.name for node in segment.nodes if node.name in twins))
        walk.until(segment.nodes[0].name)
        known = {node: target.value(_twin(node)) for node in segment.reads}
        read = {node: walk.value(node.name) for node in segment.reads}
        target.through(segment.end)
        count = range(len(given))
        yield Problem(
            segment,
            [{node: values[i] for node, values in read.items()} for i in count],
            [{node: values[i] for node, values in known.items()} for i in count],
            target.value(segment.end),
        )


def _twin(node: fx.Node) -> str:
    """Name of the node of the float network that computes the value which may be rounded here."""
    rounding = FakeQuantize.of(node)
    if is_dynamic(node):
        return node.all_input_nodes[0].name
    return rounding.value.name if rounding else node.name


def _activation(node: fx.Node) -> fx.Node | None:
    """The clip that is the only reader of a node."""
    following = next(iter(node.users)) if len(node.users) == 1 else None
    return following if following is not None and str(following.target) in CLIPS else None


def _in_place(node: fx.Node) -> bool:
    return isinstance(node.target, torch._ops.OpOverload) and bool(node.target._schema.is_mutable)


def _is_tensor(node: fx.Node) -> bool:
    return isinstance(node.meta.get("val"), torch.Tensor)
