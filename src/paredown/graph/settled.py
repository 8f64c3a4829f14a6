"""Weights that are computed anew at every run from parameters alone, computed once."""

from collections.abc import Iterator

import torch
from torch import fx, nn

from paredown.graph.fold import drop_unused
from paredown.graph.network import Network, module_path

__all__ = ["settle_weights"]

_aten = torch.ops.aten
_WEIGHT, _LAYER = {"weight": 1}, {"weight": 1, "bias": 2}
_READS: dict[object, dict[str, int]] = {
    **dict.fromkeys((_aten.linear.default, _aten.conv1d.default, _aten.conv2d.default, _aten.conv3d.default), _LAYER),
    **dict.fromkeys((_aten.conv1d.padding, _aten.conv2d.padding, _aten.conv3d.padding), _LAYER),
    **dict.fromkeys((_aten.conv_transpose1d.default, _aten.conv_transpose2d.input), _LAYER),
    _aten.conv_transpose3d.input: _LAYER,
    **dict.fromkeys((_aten.matmul.default, _aten.mm.default), _WEIGHT),
    _aten.addmm.default: {"weight": 2, "bias": 0},
    _aten.embedding.default: {"weight": 0},
}
"""Operators with stored weights, and which of their arguments these are."""


def settle_weights(network: Network) -> bool:
    """Compute the weights and biases that depend on no input, and store the results; the network is changed.

    Only where nothing else reads what they are computed from: a matrix that another layer shares stays shared. The
    caller propagates shapes.

    Returns:
        Whether anything changed.

    """
    fixed = _fixed(network)
    leaves = {node for node in fixed if node.op == "get_attr"}
    shared = {_tensor(network, leaf) for leaf in leaves if not fixed.keys() >= leaf.users.keys()}
    done: dict[fx.Node, fx.Node] = {}
    _buffers_as_parameters(network)
    for node, name, at, source in list(_read(network)):
        if source.op == "get_attr" or source not in fixed:
            continue
        if shared.isdisjoint(_tensor(network, leaf) for leaf in fixed[source]):
            done[source] = done.get(source) or _store(network, source, fixed[source], _free(network, node, name))
            node.update_arg(at, done[source])
    if done:
        network.graph_module.graph.eliminate_dead_code()
        drop_unused(network.graph_module)
    return bool(done)


def _buffers_as_parameters(network: Network) -> None:
    """Layers read parameters: a buffer in the place of one becomes a frozen parameter."""
    for _, _, _, source in list(_read(network)):
        if source.op != "get_attr":
            continue
        owner, _, leaf = str(source.target).rpartition(".")
        module = network.graph_module.get_submodule(owner)
        tensor = module._buffers.get(leaf)
        if tensor is not None and tensor.is_floating_point():
            del module._buffers[leaf]
            module.register_parameter(leaf, nn.Parameter(tensor, requires_grad=False))


def _read(network: Network) -> Iterator[tuple[fx.Node, str, int, fx.Node]]:
    """Every layer with the name, the position and the source of each thing it may store."""
    for node in network.nodes():
        for name, at in _READS.get(node.target, {}).items() if node.op == "call_function" else ():
            source = node.args[at] if len(node.args) > at else None
            if isinstance(source, fx.Node):
                yield node, name, at, source


def _fixed(network: Network) -> dict[fx.Node, frozenset[fx.Node]]:
    """Nodes that compute the same at every run, with the parameters and buffers that they are computed from."""
    fixed: dict[fx.Node, frozenset[fx.Node]] = {}
    for node in network.nodes():
        if node.op == "get_attr":
            fixed[node] = frozenset([node])
        elif _computes(node) and node.all_input_nodes and all(source in fixed for source in node.all_input_nodes):
            fixed[node] = frozenset().union(*(fixed[source] for source in node.all_input_nodes))
    return fixed


def _computes(node: fx.Node) -> bool:
    """Whether a node gives the same for the same values; rounding is to stay where it is."""
    if node.op != "call_function":
        return False
    if not isinstance(node.target, torch._ops.OpOverload):
        return isinstance(node.meta.get("val"), torch.Tensor)  # a part of several results
    random = torch.Tag.nondeterministic_seeded in node.target.tags
    return node.target.namespace == "aten" and not node.target._schema.is_mutable and not random


def _tensor(network: Network, leaf: fx.Node) -> int:
    """What tells the tensors of reading nodes apart, whatever they are called."""
    owner, _, name = str(leaf.target).rpartition(".")
    return id(getattr(network.graph_module.get_submodule(owner), name))


@torch.no_grad()
def _store(network: Network, source: fx.Node, leaves: frozenset[fx.Node], name: str) -> fx.Node:
    value = _value(network, source).detach().clone()
    trainable = any(_parameter(network, one).requires_grad for one in leaves)
    owner, _, last = name.rpartition(".")
    network.graph_module.get_submodule(owner).register_parameter(
        last, nn.Parameter(value, requires_grad=trainable and value.is_floating_point())
    )
    with network.graph_module.graph.inserting_after(source):
        stored = network.graph_module.graph.get_attr(name)
    stored.meta = dict(source.meta)
    return stored


def _parameter(network: Network, leaf: fx.Node) -> torch.Tensor:
    owner, _, name = str(leaf.target).rpartition(".")
    found: torch.Tensor = getattr(network.graph_module.get_submodule(owner), name)
    return found


def _value(network: Network, source: fx.Node) -> torch.Tensor:
    known: dict[fx.Node, torch.Tensor] = {}
    for node in _cone(source):
        if node.op == "get_attr":
            known[node] = _parameter(network, node)
        else:
            args, kwargs = fx.map_arg((node.args, node.kwargs), known.__getitem__)
            known[node] = node.target(*args, **kwargs)  # type: ignore[operator]
    return known[source]


def _cone(source: fx.Node) -> Iterator[fx.Node]:
    """What a value is computed from, in order of execution."""
    needed, stack = {source}, [source]
    while stack:
        for node in stack.pop().all_input_nodes:
            if node not in needed:
                needed.add(node)
                stack.append(node)
    return (node for node in source.graph.nodes if node in needed)


def _free(network: Network, reader: fx.Node, leaf: str) -> str:
    """``path.weight`` where the module exists and has no such thing; else with a longer name, or further out."""
    path = module_path(reader)
    while path:
        try:
            network.graph_module.get_submodule(path)
            break
        except AttributeError:
            path = path.rpartition(".")[0]
    module = network.graph_module.get_submodule(path)
    while hasattr(module, leaf):
        leaf += "_"
    return f"{path}.{leaf}" if path else leaf
