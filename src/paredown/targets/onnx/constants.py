"""Values of a graph that depend on nothing: positions, masks and their sines are computed once, before the file is."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import fx

from paredown.graph.network import Network

__all__ = ["constants"]

_ENTRIES = 1 << 20
"""Larger values are left to the runtime to make, which costs less than to store them."""

_BUFFER = 1 << 12
"""Vectors of so many entries at most may be in it: frequencies of positions. Weights stay as they are."""


def constants(network: Network) -> Mapping[fx.Node, np.ndarray]:
    """Values of the nodes that are made of numbers and short vectors of buffers alone."""
    buffers = dict(network.named_buffers(remove_duplicate=False))
    known: dict[fx.Node, torch.Tensor] = {}
    made: dict[fx.Node, np.ndarray] = {}
    for node in network.nodes():
        if node.op == "get_attr":
            vector = buffers.get(str(node.target))
            if vector is not None and vector.ndim <= 1 and vector.numel() <= _BUFFER:
                known[node] = vector.detach()
        elif _is_fixed(node) and all(source in known for source in node.all_input_nodes):
            args, kwargs = fx.map_arg((node.args, node.kwargs), known.__getitem__)
            known[node] = node.target(*args, **kwargs)  # type: ignore[operator]
            made[node] = known[node].numpy()
    return made


def _is_fixed(node: fx.Node) -> bool:
    """Whether a node computes the same whenever it runs, in a size that can be stored."""
    if node.op != "call_function" or not isinstance(node.target, torch._ops.OpOverload):
        return False
    value = node.meta.get("val")
    if not isinstance(value, torch.Tensor) or value.dtype == torch.bfloat16:
        return False
    if not all(isinstance(size, int) for size in value.shape) or value.numel() > _ENTRIES:
        return False
    schema = node.target._schema
    random = torch.Tag.nondeterministic_seeded in node.target.tags
    return node.target.namespace == "aten" and not schema.is_mutable and not random
