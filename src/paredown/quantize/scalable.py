"""Values whose channels can be divided where they are made and multiplied where linear layers read them."""

import dataclasses
from collections.abc import Iterator

import torch
from torch import fx

from paredown.graph.movement import moves
from paredown.graph.network import Network
from paredown.graph.walk import Walk
from paredown.quantize.placement import LINEAR
from paredown.quantize.sharing import Sharing

__all__ = ["Scalable", "chains", "norms"]

_aten = torch.ops.aten
_PARAMETERS = {_aten.layer_norm.default: slice(2, 4), _aten.rms_norm.default: slice(2, 3)}
_PASSED = {
    _aten.relu.default,
    _aten.relu_.default,
    _aten.leaky_relu.default,
    _aten.mul.Tensor,
    _aten.matmul.default,
    _aten.unflatten.int,
    _aten.scaled_dot_product_attention.default,
}
_CLOSE = 1e-3


@dataclasses.dataclass(frozen=True)
class Scalable:
    """A value, by node name, with channels on its last axis.

    Attributes:
        value: the node that linear layers alone read.
        makers: names of the parameters that are divided by the factor: vectors, or matrices by row.
        readers: names of the layers.

    """

    value: str
    makers: tuple[str, ...]
    readers: tuple[str, ...]

    def weights(self, network: Network) -> list[torch.Tensor]:
        """The weights of the layers, one column per channel."""
        nodes = {node.name: node for node in network.nodes()}
        return [_weight(network, nodes[reader]).detach() for reader in self.readers]

    @torch.no_grad()
    def scale(self, network: Network, factor: torch.Tensor) -> None:
        """Divide the makers by a factor per channel and multiply the readers with it, in place."""
        for name in self.makers:
            parameter = network.get_parameter(name)
            parameter.div_(factor.reshape([-1] + [1] * (parameter.ndim - 1)).to(parameter.device))
        for weight in self.weights(network):
            weight.mul_(factor.to(weight.device))


def norms(network: Network) -> list[Scalable]:
    """Normalisations with parameters of their own that linear layers read and nothing else does."""
    sharing = Sharing(network)
    found = []
    for node in network.nodes():
        if node.target not in _PARAMETERS or len(node.args[1]) != 1:  # type: ignore[arg-type]
            continue
        own, layers = _parameters(node), _read_by_layers(node, sharing)
        if own and all(map(sharing.alone, own)) and layers:
            makers = tuple(str(parameter.target) for parameter in own)
            found.append(Scalable(node.name, makers, tuple(reader.name for reader in layers)))
    return found


def chains(network: Network) -> list[Scalable]:
    """Values that come from one linear layer through operators that carry a factor per channel along.

    Such are ReLUs between two layers, the product in gated units, and the values that attention weighs. What could be
    one is found by walking back from the reader, and is believed only after running it with random factors.
    """
    sharing = Sharing(network)
    found = []
    for node in network.nodes():
        if node.op != "call_function" or node.target in _PARAMETERS or _flattens(node):
            continue
        layers = _read_by_layers(node, sharing)
        for maker in _makers(node) if layers else ():
            own = [argument for argument in maker.args[1:3] if isinstance(argument, fx.Node)]
            if not all(map(sharing.alone, own)) or own[0].meta["val"].shape[0] != node.meta["val"].shape[-1]:
                continue
            names = tuple(str(argument.target) for argument in own)
            candidate = Scalable(node.name, names, tuple(reader.name for reader in layers))
            if _holds(network, candidate):
                found.append(candidate)
                break
    return found


def _read_by_layers(node: fx.Node, sharing: Sharing) -> list[fx.Node]:
    """The linear layers that read a value, also as one list of rows; none where something else reads it."""
    layers: list[fx.Node] = []
    for reader in node.users:
        if _flattens(reader):
            behind = _read_by_layers(reader, sharing)
            if not behind:
                return []
            layers += behind
        elif reader.target is LINEAR and reader.args[0] is node and sharing.alone(reader.args[1]):
            layers.append(reader)
        else:
            return []
    return layers


def _flattens(node: fx.Node) -> bool:
    """Whether a node puts the rows of a value into one list; channels stay on the last axis."""
    if node.target not in {_aten.reshape.default, _aten.view.default}:
        return False
    before, after = node.args[0].meta["val"].shape, node.meta["val"].shape  # type: ignore[union-attr]
    return len(after) < len(before) and str(before[-1]) == str(after[-1])


def _makers(node: fx.Node) -> Iterator[fx.Node]:
    """Linear layers from which a value could come, nearest first."""
    if node.target is LINEAR:
        yield node
        return
    if node.op == "call_function" and (node.target in _PASSED or moves(node)):
        for source in node.all_input_nodes:
            if len(source.users) == 1:
                yield from _makers(source)


def _holds(network: Network, candidate: Scalable) -> bool:
    """Whether the readers compute what they did with the channels scaled by random factors."""
    maker = network.get_parameter(candidate.makers[0])
    factor = 0.5 + 1.5 * torch.rand(maker.shape[0], generator=torch.Generator().manual_seed(0))
    plain, scaled = network.copy().eval(), network.copy().eval()
    candidate.scale(scaled, factor)
    before, after = Walk(plain, [_on(plain, maker.device)]), Walk(scaled, [_on(scaled, maker.device)])
    for reader in candidate.readers:
        for walk in (before, after):
            walk.through(reader)
        old, new = before.value(reader)[0], after.value(reader)[0]
        if not torch.allclose(old, new, rtol=_CLOSE, atol=_CLOSE * float(old.abs().max())):
            return False
    return True


def _on(network: Network, device: torch.device) -> list[torch.Tensor]:
    return [tensor.to(device) for tensor in network.example]


def _parameters(norm: fx.Node) -> list[fx.Node]:
    """Weight and bias of a normalisation, as far as it has them; nothing without a weight."""
    given = list(norm.args[_PARAMETERS[norm.target]])  # type: ignore[index]
    if not given or given[0] is None:
        return []
    return [argument for argument in given if isinstance(argument, fx.Node)]


def _weight(network: Network, layer: fx.Node) -> torch.Tensor:
    return network.get_parameter(str(layer.args[1].target))  # type: ignore[union-attr]
