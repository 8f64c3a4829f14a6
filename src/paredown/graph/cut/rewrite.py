"""Rewrites of the graph: every size becomes an explicit expression of axes and varying sizes."""

import functools
import operator
from typing import Any, cast

import sympy  # type: ignore[import-untyped]
import torch
from torch import fx

from paredown.errors import CutError
from paredown.graph.axes.analysis import KEEP, Call, Edit
from paredown.graph.axes.dims import Dim, size_of
from paredown.graph.axes.groups import Axes
from paredown.graph.cut.indices import Indices

__all__ = ["rewrite"]


def rewrite(graph: fx.Graph, axes: Axes, indices: Indices, *, shapes: bool = True) -> None:
    """Carry out every `Edit` of the analysis for this choice, and renew the shapes in the nodes' metadata.

    Without `shapes` they are removed where they changed, which is all that a network needs to be run.
    """
    nodes = {node.name: node for node in graph.nodes}
    sizes = _Sizes(graph)
    for edit in axes.edits:
        if edit.only is None or any(map(indices.touched, edit.only)):
            _apply(nodes[edit.node], edit, indices, sizes)
    for name, value in axes.nodes.items():
        node = nodes[name]
        if "val" in node.meta and shapes:
            node.meta["val"] = _shaped(node.meta["val"], value, indices)
        elif isinstance(node.meta.get("val"), torch.Tensor | tuple | list):
            del node.meta["val"]
    for node in reversed(list(graph.nodes)):
        if node.op == "call_function" and not node.users and isinstance(node.meta.get("val"), torch.SymInt | int):
            graph.erase_node(node)


def _apply(node: fx.Node, edit: Edit, indices: Indices, sizes: "_Sizes") -> None:
    if edit.target is not None:
        node.target = edit.target  # what both call the same, or have at the same place, stays
    call = Call(node)
    with node.graph.inserting_before(node):
        call.values[edit.argument] = _resolve(edit.value, call.values.get(edit.argument), indices, sizes)
    node.args, node.kwargs = _arguments(node, call, edit.argument)


def _arguments(node: fx.Node, call: Call, edited: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments in the order of the schema, no defaults written out that were not before."""
    schema = [argument for argument in node.target._schema.arguments if argument.name in call.values]  # type: ignore[union-attr]
    named = {a.name for a in schema if a.kwarg_only and (a.name in node.kwargs or a.name == edited)}
    ordered = [a.name for a in schema if not a.kwarg_only]
    last = max(len(node.args), 1 + max((at for at, name in enumerate(ordered) if name == edited), default=-1))
    given = {name for name in node.kwargs if name in ordered[last:]}
    return tuple(call.values[name] for name in ordered[:last]), {
        name: call.values[name] for name in sorted(named | given)
    }


def _resolve(value: Any, original: Any, indices: Indices, sizes: "_Sizes") -> Any:
    if value is KEEP:
        return original
    if isinstance(value, Dim):
        if isinstance(original, fx.Node) and not indices.touched(value):
            return original
        return sizes.node(indices.count(value))
    if isinstance(value, (list, tuple)):
        before = list(original) if isinstance(original, (list, tuple)) and len(original) == len(value) else []
        before = before or [None] * len(value)
        return [_resolve(item, old, indices, sizes) for item, old in zip(value, before, strict=True)]
    return value


class _Sizes:
    """Nodes that compute sizes, by their expression."""

    def __init__(self, graph: fx.Graph) -> None:
        self._graph = graph
        self._known: dict[Any, fx.Node] = {}
        inputs = [node for node in graph.nodes if node.op == "placeholder"]
        after = inputs[-1] if inputs else None
        self._start = after.next if after is not None else None
        self._sources = {
            size_of(length): (node, axis, length)
            for node in reversed(inputs)
            if isinstance(node.meta.get("val"), torch.Tensor)
            for axis, length in enumerate(node.meta["val"].shape)
            if isinstance(length, torch.SymInt)
        }

    def node(self, size: Any) -> int | fx.Node:
        """A number, or a node that computes the expression (inserted at the start of the graph)."""
        if isinstance(size, int):
            return size
        if size.is_Integer:
            return int(size)
        if size not in self._known:
            self._known[size] = self._make(size)
        return self._known[size]

    def _make(self, size: Any) -> fx.Node:
        if size in self._sources:
            source, axis, length = self._sources[size]
            return self._insert(torch.ops.aten.sym_size.int, (source, axis), length)
        if isinstance(size, (sympy.Mul, sympy.Add)):
            function = operator.mul if isinstance(size, sympy.Mul) else operator.add
            first, *others = sorted((self.node(part) for part in size.args), key=lambda part: isinstance(part, int))
            node = functools.reduce(lambda a, b: self._combine(function, a, b), others, first)
            if isinstance(node, fx.Node):
                return node
        for node in self._graph.nodes:
            value = node.meta.get("val")
            if isinstance(value, torch.SymInt) and size_of(value) == size:
                return cast("fx.Node", node)
        msg = f"The size {size} depends on the inputs in a way that a cut cannot write down."
        raise CutError(msg)

    def _combine(self, function: Any, a: int | fx.Node, b: int | fx.Node) -> fx.Node:
        values = [part.meta["val"] if isinstance(part, fx.Node) else part for part in (a, b)]
        return self._insert(function, (a, b), function(*values))

    def _insert(self, function: Any, args: tuple[Any, ...], value: Any) -> fx.Node:
        with self._graph.inserting_before(self._start):
            node = self._graph.call_function(function, args)
        node.meta["val"] = value
        return node


def _shaped(value: Any, dims: Any, indices: Indices) -> Any:
    if isinstance(value, torch.Tensor) and dims is not None:
        if not any(map(indices.touched, dims)):
            return value
        sizes = [
            _length(indices.count(dim), length) if indices.touched(dim) else length
            for dim, length in zip(dims, value.shape, strict=True)
        ]
        return value.new_empty(sizes)
    if isinstance(value, (tuple, list)) and isinstance(dims, list):
        return type(value)(_shaped(item, part, indices) for item, part in zip(value, dims, strict=True))
    return value


def _length(count: Any, before: int | torch.SymInt) -> int | torch.SymInt:
    if isinstance(count, int) or isinstance(before, int):
        return int(count)
    node = before.node
    hints = {symbol: node.shape_env.backed_var_to_val.get(symbol) for symbol in count.free_symbols}
    hint = int(count.subs(hints)) if None not in hints.values() else None
    return cast("torch.SymInt", node.shape_env.create_symintnode(count, hint=hint))
