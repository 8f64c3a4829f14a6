"""Recurrent layers: the gates of an LSTM are ``4 * hidden``, of a GRU ``3 * hidden``."""

from typing import Any

from paredown.graph.axes.analysis import Analysis, Call, Rule
from paredown.graph.axes.dims import Dim, Misfit, find
from paredown.graph.axes.rules.table import overloads

__all__ = ["RULES"]


def _recurrent(a: Analysis, call: Call, gates: int) -> list[list[Dim]]:
    x = a.axes(call["input"])
    states = [a.axes(node) for node in (call["hx"] if isinstance(call["hx"], (list, tuple)) else [call["hx"]])]
    directions = 2 if call["bidirectional"] else 1
    params = list(call["params"])
    per_direction = len(params) // (int(call["num_layers"]) * directions)
    if per_direction != (4 if call["has_biases"] else 2):
        msg = "a projected state"
        raise Misfit(msg)
    hidden = states[0][-1]
    find(hidden).label = find(hidden).label or "hidden"
    for state in states:
        a.algebra.unify(hidden, state[-1])
        a.algebra.unify(x[0 if call["batch_first"] else 1], state[-2])
        a.algebra.freeze(state[0], "is layers and directions")
    a.algebra.freeze(x[1 if call["batch_first"] else 0], "steps along it")
    feature = x[-1]
    for layer in range(int(call["num_layers"])):
        for direction in range(directions):
            at = (layer * directions + direction) * per_direction
            _cell(a, params[at : at + per_direction], feature, hidden, gates)
            weights = [a.axes(node) for node in params[at : at + 2]]
            for weight in weights:
                a.multiply(call.node, *x[:-1], *weight)
        feature = a.algebra.sum([hidden] * directions)
    outputs = [[*x[:-1], feature]]
    return outputs + [[state[0], state[1], hidden] for state in states]


def _cell(a: Analysis, params: list[Any], feature: Dim, hidden: Dim, gates: int) -> None:
    rows = a.algebra.product([a.fixed(gates, "is its gates"), hidden])
    for node, consumed in zip(params[:2], (feature, hidden), strict=True):
        weight = a.axes(node)
        a.algebra.unify(weight[0], rows)
        a.algebra.unify(weight[1], consumed)
        a.role(node, 0, "out")
        a.role(node, 1, "in")
    for node in params[2:]:
        a.algebra.unify(a.axes(node)[0], rows)


def lstm(a: Analysis, call: Call) -> list[list[Dim]]:
    """``lstm.input``: output, last hidden state, last cell state."""
    return _recurrent(a, call, 4)


def gru(a: Analysis, call: Call) -> list[list[Dim]]:
    """``gru.input``: output, last hidden state."""
    return _recurrent(a, call, 3)


def rnn(a: Analysis, call: Call) -> list[list[Dim]]:
    """``rnn_tanh.input``, ``rnn_relu.input``: output, last hidden state."""
    return _recurrent(a, call, 1)


def _step(gates: int) -> Rule:
    """``lstm_cell``, ``gru_cell``, ``rnn_tanh_cell``, ``rnn_relu_cell``: the next states."""

    def rule(a: Analysis, call: Call) -> list[Dim] | list[list[Dim]]:
        x, several = a.axes(call["input"]), isinstance(call["hx"], (list, tuple))
        states = [a.axes(node) for node in (call["hx"] if several else [call["hx"]])]
        hidden = states[0][-1]
        find(hidden).label = find(hidden).label or "hidden"
        for state in states:
            a.algebra.unify(hidden, state[-1])
            a.algebra.unify(x[0], state[0])
        _cell(a, [call[name] for name in _PARAMETERS if call[name] is not None], x[-1], hidden, gates)
        for name in _PARAMETERS[:2]:
            a.multiply(call.node, x[0], *a.axes(call[name]))
        return [[x[0], hidden] for _ in states] if several else [x[0], hidden]

    return rule


_PARAMETERS = ("w_ih", "w_hh", "b_ih", "b_hh")
_STEPS = {"lstm_cell": 4, "gru_cell": 3, "rnn_tanh_cell": 1, "rnn_relu_cell": 1}

RULES = overloads("lstm", lstm) | overloads("gru", gru) | overloads("rnn_tanh rnn_relu", rnn)
for _name, _gates in _STEPS.items():
    RULES |= overloads(_name, _step(_gates))
