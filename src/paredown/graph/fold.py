"""Fold inference-time batch normalisation into the convolution or linear layer before it."""

import dataclasses
from collections.abc import Callable

import torch
from torch import fx, nn

from paredown.graph.network import Network

__all__ = ["drop_unused", "fold_batch_norm"]

_aten = torch.ops.aten

_WEIGHT_AXIS: dict[object, Callable[[fx.Node], int | None]] = {
    _aten.conv1d.default: lambda _: 0,
    _aten.conv2d.default: lambda _: 0,
    _aten.conv3d.default: lambda _: 0,
    _aten.linear.default: lambda _: 0,
    _aten.conv_transpose2d.input: lambda node: 1 if (node.args[6] if len(node.args) > 6 else 1) == 1 else None,
}


def fold_batch_norm(network: Network) -> tuple[Network, tuple[str, ...]]:
    """Fold every batch norm (in its eval form) whose input only it uses into the producer's weight and bias.

    ``w' = w * g / sqrt(v + e)``, ``b' = (b - m) * g / sqrt(v + e) + beta`` per output channel (Jacob et al.,
    CVPR 2018, section 3.2). The folded weight keeps its name; a bias that was missing gets the name next to it.

    Returns:
        An independent network in eval mode, and the names of the batch norm nodes that were folded.

    """
    network = network.copy().eval()
    graph_module = network.graph_module
    norms = [node for node in graph_module.graph.nodes if node.target is _aten.batch_norm.default]
    folded = [node.name for node in norms if _fold(graph_module, node)]
    if folded:
        drop_unused(graph_module)
        network.recompile()
    return network, tuple(folded)


@dataclasses.dataclass(frozen=True)
class _Stored:
    """A node that reads a parameter or buffer, and what it reads."""

    node: fx.Node
    tensor: torch.Tensor

    @property
    def name(self) -> str:
        return str(self.node.target)

    @property
    def shared(self) -> bool:
        return len(self.node.users) != 1


@dataclasses.dataclass(frozen=True)
class _Norm:
    """``y = (x - mean) * factor + beta``, in double precision."""

    factor: torch.Tensor
    mean: torch.Tensor
    beta: torch.Tensor | None

    @classmethod
    def of(cls, graph_module: fx.GraphModule, node: fx.Node) -> "_Norm | None":
        """What a batch norm computes in eval mode; None where it keeps no statistics, or computes its parameters."""
        given = node.args[1:5]
        gamma, beta, mean, variance = found = [_stored(graph_module, argument) for argument in given]
        computed = [argument for argument, stored in zip(given, found, strict=True) if argument and not stored]
        if mean is None or variance is None or computed:
            return None
        epsilon = float(node.args[7])  # type: ignore[arg-type]
        factor = (variance.tensor.double() + epsilon).rsqrt()
        if gamma is not None:
            factor = factor * gamma.tensor.double()
        return cls(factor, mean.tensor.double(), None if beta is None else beta.tensor.double())


def _stored(graph_module: fx.GraphModule, node: object) -> _Stored | None:
    if not isinstance(node, fx.Node) or node.op != "get_attr":
        return None
    owner, _, name = str(node.target).rpartition(".")
    found = getattr(graph_module.get_submodule(owner), name)
    return _Stored(node, found) if isinstance(found, torch.Tensor) else None


@torch.no_grad()
def _fold(graph_module: fx.GraphModule, node: fx.Node) -> bool:
    producer = node.args[0]
    if not isinstance(producer, fx.Node) or producer.target not in _WEIGHT_AXIS or len(producer.users) != 1:
        return False
    axis = _WEIGHT_AXIS[producer.target](producer)
    norm = _Norm.of(graph_module, node)
    weight = _stored(graph_module, producer.args[1])
    given = producer.args[2] if len(producer.args) > 2 else None
    bias = _stored(graph_module, given)
    if axis is None or norm is None or weight is None or weight.shared:
        return False
    if given is not None and (bias is None or bias.shared):
        return False
    shape = [-1 if dim == axis else 1 for dim in range(weight.tensor.ndim)]
    _put(graph_module, weight.name, (weight.tensor.double() * norm.factor.reshape(shape)).to(weight.tensor.dtype))
    shift = (-norm.mean if bias is None else bias.tensor.double() - norm.mean) * norm.factor
    shift = (shift if norm.beta is None else shift + norm.beta).to(weight.tensor.dtype)
    name = bias.name if bias is not None else _beside(graph_module, weight.name)
    _put(graph_module, name, shift)
    reading = bias.node if bias is not None else _reading(graph_module, name, weight.node, shift.shape)
    producer.args = (*producer.args[:2], reading, *producer.args[3:])
    node.replace_all_uses_with(producer)
    graph_module.graph.erase_node(node)
    return True


def _reading(graph_module: fx.GraphModule, name: str, weight: fx.Node, shape: torch.Size) -> fx.Node:
    """A node that reads the new bias, right behind the one that reads the weight."""
    with graph_module.graph.inserting_after(weight):
        reading = graph_module.graph.get_attr(name)
    reading.meta.update(weight.meta)
    value = weight.meta.get("val")
    if value is not None:
        reading.meta["val"] = value.new_empty(shape)
    return reading


def _beside(graph_module: fx.GraphModule, weight: str) -> str:
    """A name for a bias that was missing."""
    owner = weight.rpartition(".")[0]
    module, leaf = graph_module.get_submodule(owner), "bias"
    while getattr(module, leaf, None) is not None:
        leaf += "_"
    return f"{owner}.{leaf}" if owner else leaf


def _put(graph_module: fx.GraphModule, name: str, value: torch.Tensor) -> None:
    owner, _, leaf = name.rpartition(".")
    module = graph_module.get_submodule(owner)
    old = getattr(module, leaf, None)
    trainable = old.requires_grad if isinstance(old, nn.Parameter) else True
    module.register_parameter(leaf, nn.Parameter(value, requires_grad=trainable))


def drop_unused(graph_module: fx.GraphModule) -> None:
    """Remove parameters, buffers and reading nodes that nothing uses any more."""
    for node in reversed(list(graph_module.graph.nodes)):
        if node.op == "get_attr" and not node.users:
            graph_module.graph.erase_node(node)
    used = {str(node.target) for node in graph_module.graph.nodes if node.op == "get_attr"}
    for module_name, module in list(graph_module.named_modules()):
        for leaf in [*module._parameters, *module._buffers]:
            if (f"{module_name}.{leaf}" if module_name else leaf) not in used:
                delattr(module, leaf)
