"""One pass over the graph that describes every axis of every tensor.

A rule is a function ``rule(analysis, call)``: it reads the axes of the call's tensors, states equalities between them,
and returns the axes of the result. What a rule knows beyond that it says through the analysis: which arguments are
sizes of axes (`Analysis.rewrite`), which axes the result depends on beyond masking (`Analysis.sensitive`), what the
node computes (`Analysis.multiply`) and which axes of a parameter produce or consume (`Analysis.role`).
"""

import dataclasses
import functools
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import fx

from paredown.graph import cost
from paredown.graph.axes.algebra import Algebra
from paredown.graph.axes.dims import Dim, Freeze, Misfit, Size, size_of
from paredown.graph.network import Network, module_path

__all__ = ["KEEP", "Analysis", "Call", "Edit", "Rule", "Value", "shape", "tensors_of"]

Value = Any
"""Axes of what a node returns: ``list[Dim]`` for a tensor, a list of these for several, None for anything else."""

KEEP = object()
"""In an `Edit`: leave this entry of the argument as it is."""


@dataclasses.dataclass(frozen=True)
class Edit:
    """An argument of a node that must follow a cut.

    Attributes:
        node: name of the node.
        argument: name of the argument in the operator's schema.
        value: the argument with axes in the place of their sizes; `KEEP` leaves an entry as it is.
        target: the operator to call instead, where the old one cannot say it (chunk becomes split_with_sizes).
        only: None to rewrite always; else rewrite only where one of these axes is cut (a pinned scale).

    """

    node: str
    argument: str
    value: Any
    target: Any = None
    only: tuple[Dim, ...] | None = None


class Call:
    """A node's arguments by the names of its operator's schema, defaults filled in."""

    def __init__(self, node: fx.Node) -> None:
        self.node = node
        self.values: dict[str, Any] = {}
        if isinstance(node.target, torch._ops.OpOverload):
            names = _schema(node.target)
            self.values = dict(names)
            self.values |= zip((name for name, _ in names), node.args, strict=False)
            self.values |= node.kwargs

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def whole(self, name: str) -> int:
        """An argument that is a number, not a size that varies.

        Raises:
            Misfit: it is computed while running.

        """
        if isinstance(self.values[name], fx.Node):
            msg = f"its {name} vary"
            raise Misfit(msg)
        return int(self.values[name])

    def first(self, *names: str) -> Any:
        """The first of several argument names that this overload has; None where it has none."""
        return next((self.values[name] for name in names if name in self.values), None)

    def name(self, *names: str) -> str:
        """The first of several names that this overload has."""
        return next(name for name in names if name in self.values)


@functools.lru_cache(maxsize=1024)
def _schema(target: Any) -> tuple[tuple[str, Any], ...]:
    return tuple(
        (argument.name, argument.default_value if argument.has_default_value() else None)
        for argument in target._schema.arguments
    )


Rule = Callable[["Analysis", Call], Value]


class Analysis:
    """What is known while walking over the graph, and what was found at the end.

    Attributes:
        dims: axes of each node's result.
        edits: the arguments that follow a cut.
        sensitivity: per node the axes whose cut changes the kept values too (layer norm, mean, maximum).
        loose: nodes whose values cannot be compared: no rule, random numbers, rounding.
        implied: axes of tensors that exist only inside operators (attention weights, statistics of groups).
        products: per node the axes whose sizes multiply to its multiply-accumulates.
        passes: per node that computes without contracting, the axes of what it reads and gives.
        roles: ``(parameter name, axis)`` to ``out`` or ``in``.
        parameters: axes of each parameter and buffer, by the names the graph uses; tied names share them.

    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.algebra = Algebra()
        self.dims: dict[fx.Node, Value] = {}
        self.edits: list[Edit] = []
        self.sensitivity: dict[str, list[Dim]] = {}
        self.loose: set[str] = set()
        self.implied: list[list[Dim]] = []
        self.products: dict[str, list[list[Dim]]] = {}
        self.passes: dict[str, list[list[Dim]]] = {}
        self.roles: dict[tuple[str, int], str] = {}
        self.parameters: dict[str, list[Dim]] = {}
        self._tensors: dict[int, list[Dim]] = {}

    def run(self, rules: Mapping[Any, Rule], pointwise: Rule) -> None:
        """Walk over the graph once."""
        for node in self.network.graph_module.graph.nodes:
            self.algebra.here = Freeze(_operator(node), node.name, module_path(node), "")
            match node.op:
                case "placeholder":
                    self.dims[node] = [self.algebra.leaf(size, "is an input") for size in shape(node)]
                case "get_attr":
                    self.dims[node] = self._parameter(str(node.target))
                case "output":
                    for source in node.all_input_nodes:
                        self._freeze_value(self.dims[source], "is an output")
                case _:
                    self.dims[node] = self._call(node, rules, pointwise)
                    self._count(node)

    def _parameter(self, name: str) -> Value:
        tensor = _attribute(self.network.graph_module, name)
        if not isinstance(tensor, torch.Tensor):
            return None
        if id(tensor) not in self._tensors:
            self._tensors[id(tensor)] = [self.algebra.leaf(size) for size in tensor.shape]
        self.parameters[name] = self._tensors[id(tensor)]
        return self.parameters[name]

    def _call(self, node: fx.Node, rules: Mapping[Any, Rule], pointwise: Rule) -> Value:
        if node.target is operator.getitem:
            source, place = node.args
            values = self.dims.get(source) if isinstance(source, fx.Node) else None
            return values[place] if isinstance(values, list) and isinstance(place, int) else None
        if not _holds_tensor(node.meta.get("val")):
            for source in node.all_input_nodes:
                if not isinstance(node.target, torch._ops.OpOverload) or "sym_" not in str(node.target):
                    self._freeze_value(self.dims.get(source), "reads its values")
            return None
        rule = rules.get(node.target)
        if rule is None and _is_pointwise(node.target):
            rule = pointwise
        if rule is None:
            return self._opaque(node, "has no axes rule")
        edits = len(self.edits)
        try:
            value = rule(self, Call(node))
            self._check(node, value)
        except Misfit as misfit:
            del self.edits[edits:]
            return self._opaque(node, f"cannot be followed: {misfit}")
        return value

    def _count(self, node: fx.Node) -> None:
        if node.name not in self.products and isinstance(node.target, torch._ops.OpOverload) and not cost.is_free(node):
            read = [source for source in node.all_input_nodes if source.op != "get_attr"]
            self.passes[node.name] = [dims for source in (*read, node) for dims in tensors_of(self.dims.get(source))]

    def _check(self, node: fx.Node, value: Value) -> None:
        expected = node.meta["val"]
        if isinstance(expected, torch.Tensor):
            if [dim.size for dim in value] != shape(node):
                msg = f"its rule says {[dim.size for dim in value]}, its result has {shape(node)}"
                raise Misfit(msg)
        elif len(value) != len(expected) or not all(part is None or isinstance(part, list) for part in value):
            msg = f"its rule says {len(value)} results, there are {len(expected)}"
            raise Misfit(msg)

    def _opaque(self, node: fx.Node, why: str) -> Value:
        for source in node.all_input_nodes:
            self._freeze_value(self.dims.get(source), why)
        self.loose.add(node.name)
        return self._fresh(node.meta["val"], why)

    def _fresh(self, value: Any, why: str) -> Value:
        if isinstance(value, torch.Tensor):
            return [self.algebra.leaf(size_of(length), why) for length in value.shape]
        return [self._fresh(item, why) for item in value] if isinstance(value, (tuple, list)) else None

    def _freeze_value(self, value: Value, why: str) -> None:
        for item in value or ():
            if isinstance(item, Dim):
                self.algebra.freeze(item, why)
            else:
                self._freeze_value(item, why)

    # What rules use.

    def axes(self, node: Any) -> list[Dim]:
        """Axes of a tensor argument.

        Raises:
            Misfit: the argument is no tensor of the graph.

        """
        dims = self.dims.get(node) if isinstance(node, fx.Node) else None
        if dims is None:
            msg = f"{node!r} is no tensor of the graph"
            raise Misfit(msg)
        return list(dims)

    def tensors(self, *arguments: Any) -> list[list[Dim]]:
        """Axes of those arguments that are tensors."""
        nodes = (a for a in arguments if isinstance(a, fx.Node))
        return [self.dims[node] for node in nodes if self.dims.get(node) is not None]

    def fixed(self, size: Size, why: str) -> Dim:
        """A new axis that cannot be cut."""
        return self.algebra.leaf(size, why)

    def rewrite(
        self, call: Call, argument: str, value: Any, *, target: Any = None, only: Sequence[Dim] | None = None
    ) -> None:
        """Say that an argument is made of sizes of axes; see `Edit`."""
        self.edits.append(Edit(call.node.name, argument, value, target, None if only is None else tuple(only)))

    def sensitive(self, node: fx.Node, dims: Sequence[Dim]) -> None:
        """Say that cutting these axes changes what is kept, so that masking is no equivalent."""
        self.sensitivity.setdefault(node.name, []).extend(dims)

    def imply(self, dims: Sequence[Dim]) -> None:
        """Say that the operator makes a tensor with these axes inside."""
        self.implied.append(list(dims))

    def multiply(self, node: fx.Node, *dims: Dim) -> None:
        """Say that the node computes as many multiply-accumulates as the product of these sizes."""
        self.products.setdefault(node.name, []).append(list(dims))

    def role(self, node: Any, axis: int, role: str) -> None:
        """Say that an axis of a parameter is what it produces (``out``) or consumes (``in``)."""
        while isinstance(node, fx.Node) and node.op == "call_function" and node.args:
            source = node.args[0]
            if not isinstance(source, fx.Node) or shape(source) != shape(node):
                return
            node = source
        if isinstance(node, fx.Node) and node.op == "get_attr":
            self.roles.setdefault((str(node.target), axis), role)


def tensors_of(value: Value) -> Iterator[list[Dim]]:
    """The axes of every tensor in a value."""
    if isinstance(value, list):
        if all(isinstance(item, Dim) for item in value):
            yield value
        else:
            for item in value:
                yield from tensors_of(item)


def shape(node: fx.Node) -> list[Size]:
    """Sizes of a node's tensor; empty where it returns something else."""
    value = node.meta.get("val")
    return [size_of(length) for length in value.shape] if isinstance(value, torch.Tensor) else []


def _attribute(module: torch.nn.Module, name: str) -> Any:
    return functools.reduce(getattr, name.split("."), module)


def _holds_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor) or (isinstance(value, (tuple, list)) and any(map(_holds_tensor, value)))


def _operator(node: fx.Node) -> str:
    if node.op != "call_function":
        return node.op
    return (
        str(node.target) if isinstance(node.target, torch._ops.OpOverload) else getattr(node.target, "__name__", "call")
    )


@functools.lru_cache(maxsize=1024)
def _is_pointwise(target: Any) -> bool:
    if not isinstance(target, torch._ops.OpOverload):
        return False
    if torch.Tag.pointwise in target.tags:
        return True
    name = target._schema.name.partition("::")[2]
    plain = getattr(torch.ops.aten, name.removesuffix("_"), None) if name.endswith("_") else None
    return plain is not None and any(torch.Tag.pointwise in getattr(plain, o).tags for o in plain.overloads())
