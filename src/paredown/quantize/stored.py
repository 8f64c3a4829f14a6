"""Stored tables of numbers that layers multiply with or pick rows from: where they are, and their grids in groups."""

import dataclasses
from collections.abc import Collection, Iterator
from typing import Any

import torch
from torch import fx

from paredown.graph.fakequantize import Grid
from paredown.graph.formats import IntFormat, PerChannel, PerGroup
from paredown.graph.network import Network, module_path
from paredown.graph.products import stored_product
from paredown.quantize.placement import LINEAR, NO_LAYER, RECURRENT
from paredown.quantize.range import WeightRange, grid

__all__ = ["EMBEDDING", "LSTM", "Stored", "Tables", "matrix_grid", "tables"]

EMBEDDING = torch.ops.aten.embedding.default
LSTM = torch.ops.aten.lstm.input
_PLACE = {LINEAR: 1, EMBEDDING: 0}
_PARAMETERS = 2  # of an LSTM: weights and biases of every layer and direction, in one list


@dataclasses.dataclass(frozen=True)
class Stored:
    """A matrix that nodes read, ``[outputs, inputs]`` or ``[rows, width]``.

    Attributes:
        parameter: its name.
        kind: ``aten.linear.default``, ``aten.lstm.input`` or ``aten.embedding.default``.
        users: names of the nodes that read it.

    """

    parameter: str
    kind: str
    users: tuple[str, ...]

    @property
    def linear(self) -> bool:
        """Whether layers multiply with it."""
        return self.kind == str(LINEAR)

    @property
    def table(self) -> bool:
        """Whether rows of it are picked."""
        return self.kind == str(EMBEDDING)

    @property
    def name(self) -> str:
        """What its scale and zero point are called after; a matrix may be a table and a weight."""
        return f"{self.parameter}_table" if self.table else self.parameter

    def source(self, network: Network) -> fx.Node:
        """The node that reads the parameter."""
        user = next(node for node in network.nodes() if node.name == self.users[0])
        if user.target is LSTM:
            return next(weight for weight in _weights(user) if weight.target == self.parameter)
        found: fx.Node = user.args[_PLACE[user.target]]  # type: ignore[assignment, index]
        return found


@dataclasses.dataclass(frozen=True)
class Tables:
    """Every such matrix, and the nodes that stay in float and why (node name to reason)."""

    found: tuple[Stored, ...]
    left: dict[str, str]


def tables(network: Network, kinds: Collection[str], skip: tuple[str, ...] = ()) -> Tables:
    """Find the float matrices that linear layers and embeddings read.

    Args:
        network: read only.
        kinds: qualified ATen names of the operators that are looked at.
        skip: module paths or node names that stay in float.

    """
    left: dict[str, str] = {}
    users: dict[tuple[str, str], list[str]] = {}
    for node in network.nodes():
        if node.op == "call_function" and stored_product(node):
            left[node.name] = NO_LAYER
        if node.target is LSTM and str(LSTM) in kinds:
            reason = _against_steps(node, skip)
            left |= {node.name: reason} if reason else {}
            for matrix in () if reason else _weights(node):
                users.setdefault((str(matrix.target), str(LSTM)), []).append(node.name)
        elif node.target in RECURRENT:
            left[node.name] = "it has no kernel that reads narrow weights"
        if node.target not in _PLACE or str(node.target) not in kinds:
            continue
        reason = _against(node, skip)
        if reason:
            left[node.name] = reason
        else:
            weight = node.args[_PLACE[node.target]]
            users.setdefault((str(weight.target), str(node.target)), []).append(node.name)  # type: ignore[union-attr]
    return Tables(tuple(_stored(users)), left)


def matrix_grid(values: torch.Tensor, ranges: WeightRange, form: IntFormat, granularity: PerChannel | PerGroup) -> Grid:
    """The grid of a matrix with one scale per row, or per group of a row (whose width is a multiple of the group).

    Signed formats are symmetric.
    """
    width = granularity.size if isinstance(granularity, PerGroup) else values.shape[1]
    low, high = ranges.rows(values.float().reshape(-1, width), form, symmetric=form.signed)
    scale, zero = grid(low, high, form, symmetric=form.signed)
    if isinstance(granularity, PerChannel):
        return Grid(scale, zero, form, axis=0)
    blocks = (values.shape[0], values.shape[1] // width)
    return Grid(scale.reshape(blocks), zero.reshape(blocks), form, axis=1)


def _stored(users: dict[tuple[str, str], list[str]]) -> Iterator[Stored]:
    for (parameter, kind), names in users.items():
        yield Stored(parameter, kind, tuple(names))


def _weights(node: fx.Node) -> list[fx.Node]:
    """The matrices of an LSTM: of its inputs and of its state, for every layer and direction."""
    given: Any = node.args[_PARAMETERS]
    return [parameter for parameter in given if parameter.meta["val"].ndim == 2]


def _against_steps(node: fx.Node, skip: tuple[str, ...]) -> str:
    """Why an LSTM stays in float; empty where nothing speaks against rounding its weights."""
    given: Any = node.args[_PARAMETERS]
    if _skipped(node, skip):
        return "it was asked to be left in float"
    if any(parameter.op != "get_attr" for parameter in given):
        return "its weight is computed while running"
    if given[0].meta["val"].dtype != torch.float32:
        return f"its weight is stored as {given[0].meta['val'].dtype}"
    layers: Any = node.args[4] * (1 + node.args[7])  # type: ignore[operator]
    return "" if len(given) == layers * (4 if node.args[3] else 2) else "its state is projected"


def _skipped(node: fx.Node, skip: tuple[str, ...]) -> bool:
    path = module_path(node)
    return any(name in (node.name, path) or path.startswith(f"{name}.") for name in skip)


def _against(node: fx.Node, skip: tuple[str, ...]) -> str:
    """Why a node stays in float; empty where nothing speaks against rounding what it reads."""
    if _skipped(node, skip):
        return "it was asked to be left in float"
    weight = node.args[_PLACE[node.target]]  # type: ignore[index]
    if not isinstance(weight, fx.Node) or weight.op != "get_attr":
        return "its weight is computed while running"
    if weight.meta["val"].dtype != torch.float32:
        return f"its weight is stored as {weight.meta['val'].dtype}"
    if node.target is LINEAR and node.args[0].meta["val"].ndim < 2:  # type: ignore[union-attr]
        return "it reads a single row"
    return ""
