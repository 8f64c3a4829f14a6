"""Operators that move values without computing new ones: what is rounded before them is rounded after them."""

import operator

import torch
from torch import fx

__all__ = ["JOIN", "moves"]

_aten = torch.ops.aten

JOIN = _aten.cat.default
_MOVES = {
    _aten.view.default,
    _aten.reshape.default,
    _aten.flatten.using_ints,
    _aten.permute.default,
    _aten.transpose.int,
    _aten.t.default,
    _aten.squeeze.dim,
    _aten.squeeze.dims,
    _aten.unsqueeze.default,
    _aten.slice.Tensor,
    _aten.select.int,
    _aten.chunk.default,
    _aten.split.Tensor,
    _aten.split_with_sizes.default,
    _aten.max_pool1d.default,
    _aten.max_pool2d.default,
    _aten.dropout.default,
    _aten.dropout_.default,
    _aten.feature_dropout.default,
    _aten.clone.default,
    _aten.contiguous.default,
    _aten.detach.default,
    _aten.alias.default,
}
_PADS = {_aten.pad.default, _aten.constant_pad_nd.default}


def moves(node: fx.Node) -> bool:
    """Whether a node only moves, picks or joins values of its inputs (or adds zeros, or takes a maximum).

    One of several results counts where the operator that gives them moves: a part of a split, not a recurrent layer's
    state.
    """
    if node.target is operator.getitem:
        return isinstance(node.args[0], fx.Node) and moves(node.args[0])
    if node.target in _PADS:
        value_at = 3 if node.target is _aten.pad.default else 2
        mode = node.args[2] if value_at == 3 and len(node.args) > 2 else "constant"
        return mode == "constant" and not (node.args[value_at] if len(node.args) > value_at else 0)
    return node.target in _MOVES or node.target is JOIN
