"""The one table of operators that behave differently while training.

A graph captured in eval mode carries eval values. `set_mode` writes the training value where the table, or what was
heard from the user's own model while training (`remember`), says so.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import torch
from torch import fx

from paredown.graph.probe import Difference

__all__ = ["COUNTED", "MODES", "count_batches", "in_eval", "remember", "set_mode", "write"]

_aten = torch.ops.aten

MODES: dict[object, int] = {
    _aten.batch_norm.default: 5,
    _aten.cudnn_batch_norm.default: 5,
    _aten.miopen_batch_norm.default: 5,
    _aten.native_batch_norm.default: 5,
    _aten.instance_norm.default: 5,
    _aten.dropout.default: 2,
    _aten.dropout_.default: 2,
    _aten.native_dropout.default: 2,
    _aten.feature_dropout.default: 2,
    _aten.feature_dropout_.default: 2,
    _aten.alpha_dropout.default: 2,
    _aten.alpha_dropout_.default: 2,
    _aten.feature_alpha_dropout.default: 2,
    _aten.feature_alpha_dropout_.default: 2,
    _aten.rrelu.default: 3,
    _aten.rrelu_.default: 3,
    _aten.lstm.input: 6,
    _aten.lstm.data: 7,
    _aten.gru.input: 6,
    _aten.gru.data: 7,
    _aten.rnn_tanh.input: 6,
    _aten.rnn_tanh.data: 7,
    _aten.rnn_relu.input: 6,
    _aten.rnn_relu.data: 7,
    _aten.scaled_dot_product_attention.default: 4,
}
"""Operator to the position of its training flag (of attention: of its dropout probability)."""

COUNTED = frozenset({_aten.batch_norm.default})
"""Operators whose module counts the batches it was trained on."""

_SETTINGS = "paredown_mode"
_NORMS = frozenset({_aten.batch_norm.default, _aten.cudnn_batch_norm.default, _aten.native_batch_norm.default})


def remember(graph: fx.Graph, difference: Difference) -> None:
    """Note on every node with a mode what it is in eval and, as the user's own model was heard, in train mode.

    A node that was not heard switches by the table. Batch norm without running statistics normalises by the batch in
    both modes.
    """
    heard = {key: list(settings) for key, settings in difference.training.items()}
    for node in graph.nodes:
        position = MODES.get(node.target)
        if position is None:
            continue
        name = node.target._schema.name.removeprefix("aten::").removesuffix("_")
        queue = heard.get((str(node.meta.get("paredown_path", "")), name))
        now = _get(node, position)
        if queue:
            node.meta[_SETTINGS] = [now, queue.pop(0)]
        elif difference.training and name != "scaled_dot_product_attention" and now is True:
            node.meta[_SETTINGS] = [True, True]


def set_mode(graph_module: fx.GraphModule, *, training: bool) -> None:
    """Write the training or eval value into every operator of `MODES`."""
    changed = [node for node in graph_module.graph.nodes if write(node, training=training, settings=node.meta)]
    if changed:
        graph_module.recompile()


def write(node: fx.Node, *, training: bool, settings: Mapping[str, Any]) -> bool:
    """Write the training or eval value into one node, and say whether it was another one before.

    Args:
        node: changed in place; nodes without a mode are left alone.
        training: which value.
        settings: the ``meta`` where `remember` made its note.

    """
    position = MODES.get(node.target)
    if position is None:
        return False
    value = _value(node, settings.get(_SETTINGS), training=training)
    if value is None or _get(node, position) == value:
        return False
    _put(node, position, value)
    return True


def in_eval(node: fx.Node) -> Any:
    """The setting of a node of `MODES` in eval mode, whatever it is at present: a flag, or a probability."""
    value = _value(node, node.meta.get(_SETTINGS), training=False)
    return _get(node, MODES[node.target]) if value is None else value


def _value(node: fx.Node, settings: Sequence[Any] | None, *, training: bool) -> Any:
    if settings is not None:
        return settings[training]
    if node.target is _aten.scaled_dot_product_attention.default:
        return None
    if node.target in _NORMS and (len(node.args) < 5 or node.args[3] is None):
        return True
    return training


def _get(node: fx.Node, position: int) -> Any:
    argument = node.target._schema.arguments[position]  # type: ignore[union-attr]
    if len(node.args) > position:
        return node.args[position]
    return node.kwargs.get(argument.name, argument.default_value)


def _put(node: fx.Node, position: int, value: Any) -> None:
    if len(node.args) > position:
        node.update_arg(position, value)
    else:
        node.update_kwarg(node.target._schema.arguments[position].name, value)  # type: ignore[union-attr]


def count_batches(graph_module: fx.GraphModule) -> None:
    """Do what ``nn.BatchNorm`` does beside its operator: count the batch, where a norm updates its statistics."""
    graph = graph_module.graph
    counters = Counter[torch.Tensor]()  # a norm that is used twice counts twice
    for node in chain.from_iterable(graph.find_nodes(op="call_function", target=op, sort=False) for op in COUNTED):
        if not node.args[5] or not isinstance(node.args[3], fx.Node):
            continue
        owner = str(node.args[3].target).rpartition(".")[0]
        counter = graph_module.get_submodule(owner)._buffers.get("num_batches_tracked")
        if counter is not None:
            counters[counter] += 1
    if counters:
        torch._foreach_add_(list(counters), list(counters.values()))
