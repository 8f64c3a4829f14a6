"""Fold inference-time batch normalisation into the convolution or linear layer before it."""

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


def _tensor(graph_module: fx.GraphModule, node: object) -> torch.Tensor | None:
    if not isinstance(node, fx.Node) or node.op != "get_attr":
        return None
    owner, _, name = str(node.target).rpartition(".")
    found = getattr(graph_module.get_submodule(owner), name)
    return found if isinstance(found, torch.Tensor) else None


def _fold(graph_module: fx.GraphModule, norm: fx.Node) -> bool:
    producer = norm.args[0]
    if not isinstance(producer, fx.Node) or producer.target not in _WEIGHT_AXIS or len(producer.users) != 1:
        return False
    axis = _WEIGHT_AXIS[producer.target](producer)
    weight_node = producer.args[1]
    weight = _tensor(graph_module, weight_node)
    bias_node = producer.args[2] if len(producer.args) > 2 else None
    bias = _tensor(graph_module, bias_node)
    gamma, beta, mean, variance = (_tensor(graph_module, argument) for argument in norm.args[1:5])
    if axis is None or weight is None or mean is None or variance is None or (bias_node is not None and bias is None):
        return False
    assert isinstance(weight_node, fx.Node)  # noqa: S101 (told to the type checker; `weight` is not None)
    if len(weight_node.users) != 1 or (isinstance(bias_node, fx.Node) and len(bias_node.users) != 1):
        return False
    epsilon = float(norm.args[7])  # type: ignore[arg-type]
    with torch.no_grad():
        factor = (variance.double() + epsilon).rsqrt()
        if gamma is not None:
            factor = factor * gamma.double()
        shift = -mean.double() if bias is None else bias.double() - mean.double()
        shift = shift * factor
        if beta is not None:
            shift = shift + beta.double()
        shape = [-1 if dim == axis else 1 for dim in range(weight.ndim)]
        new_weight = (weight.double() * factor.reshape(shape)).to(weight.dtype)
    owner = str(weight_node.target).rpartition(".")[0]
    prefix = f"{owner}." if owner else ""
    _put(graph_module, str(weight_node.target), new_weight)
    bias_name = str(bias_node.target) if isinstance(bias_node, fx.Node) else _free(graph_module, f"{prefix}bias")
    _put(graph_module, bias_name, shift.to(weight.dtype))
    if not isinstance(bias_node, fx.Node):
        with graph_module.graph.inserting_after(weight_node):
            bias_node = graph_module.graph.get_attr(bias_name)
            bias_node.meta.update(weight_node.meta)
            value = weight_node.meta.get("val")
            if value is not None:
                bias_node.meta["val"] = value.new_empty((shift.shape[0],))
    arguments = list(producer.args)
    producer.args = (*arguments[:2], bias_node, *arguments[3:])
    norm.replace_all_uses_with(producer)
    graph_module.graph.erase_node(norm)
    return True


def _free(graph_module: fx.GraphModule, name: str) -> str:
    owner, _, leaf = name.rpartition(".")
    module = graph_module.get_submodule(owner)
    while hasattr(module, leaf) and getattr(module, leaf) is not None:
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
