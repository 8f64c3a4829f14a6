"""Activations brought into the form that 8-bit kernels run."""

import torch
from torch import fx

from paredown.graph.network import Network

__all__ = ["drop_upper_clip", "split_gates"]

_aten = torch.ops.aten
_SILU = {_aten.silu.default, _aten.silu_.default}
_RELU6 = {_aten.relu6.default, _aten.relu6_.default}
_CLIPS = _RELU6 | {_aten.hardtanh.default, _aten.hardtanh_.default}


def split_gates(network: Network) -> tuple[str, ...]:
    """Write ``silu(x)`` as ``x * sigmoid(x)``, whose parts have 8-bit kernels; changes the network.

    Returns:
        Names of the nodes that were replaced.

    """
    graph = network.graph_module.graph
    split = []
    for node in list(graph.nodes):
        if node.target in _SILU:
            with graph.inserting_before(node):
                gate = graph.call_function(_aten.sigmoid.default, (node.args[0],))
                product = graph.call_function(_aten.mul.Tensor, (node.args[0], gate))
            gate.meta, product.meta = dict(node.meta), dict(node.meta)
            node.replace_all_uses_with(product)
            graph.erase_node(node)
            split.append(node.name)
    if split:
        network.recompile()
    return tuple(split)


def drop_upper_clip(node: fx.Node, largest: float) -> bool:
    """Make a ReLU6 a ReLU where the rounding after it can represent no more than `largest`; changes the node.

    A learned scale may then grow past 6, where the clip would take the convolution out of its fused kernel.

    Returns:
        Whether the node was changed.

    """
    if node.target not in _CLIPS:
        return False
    bounds = node.args[1:] if len(node.args) == 3 else (-1.0, 1.0)
    low, high = (0.0, 6.0) if node.target in _RELU6 else bounds
    if low != 0 or largest > float(high) * (1 + 1e-6):  # type: ignore[arg-type]
        return False
    node.target, node.args = _aten.relu.default, node.args[:1]
    return True
