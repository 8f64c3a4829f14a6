"""The one table of operators that behave differently while training."""

import torch
from torch import fx

__all__ = ["MODES", "set_mode"]

_aten = torch.ops.aten

MODES: dict[object, int] = {
    _aten.batch_norm.default: 5,
    _aten.dropout.default: 2,
    _aten.dropout_.default: 2,
    _aten.feature_dropout.default: 2,
    _aten.alpha_dropout.default: 2,
    _aten.instance_norm.default: 5,
}
"""Operator to the position of its training flag."""


def set_mode(graph_module: fx.GraphModule, *, training: bool) -> None:
    """Flip the training flag of every operator in `MODES`."""
    changed = False
    for node in graph_module.graph.nodes:
        position = MODES.get(node.target)
        if position is None or len(node.args) <= position or node.args[position] is training:
            continue
        args = list(node.args)
        args[position] = training
        node.args = tuple(args)
        changed = True
    if changed:
        graph_module.recompile()
