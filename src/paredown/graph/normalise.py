"""From what `torch.export` writes to a graph that passes can rely on.

After `normalise` a graph holds placeholders named as the inputs, ``get_attr`` nodes named as the user's parameters, and
calls of ATen operators; no assertions, no regions, no casts or slices without effect, no in-place operators where
their out-of-place form means the same, explicit sizes, nothing that ties it to a device, and ``reshape`` for ``view``,
which memory in another order than the example's would refuse (attention with dropout, channels last).
"""

import operator
import re
from typing import Any

import sympy  # type: ignore[import-untyped]
import torch
from torch import fx, nn

from paredown.graph.bags import open_bags
from paredown.graph.inplace import mutated, out_of_place
from paredown.graph.placement import own_device_and_type
from paredown.graph.regions import inline_regions

__all__ = ["normalise"]

_aten = torch.ops.aten
_MAX = 2**63 - 1
_ASSERTIONS = frozenset(
    {
        _aten._assert_tensor_metadata.default,
        _aten._assert_scalar.default,
        _aten._assert_async.default,
        _aten._assert_async.msg,
        _aten.sym_constrain_range.default,
        _aten.sym_constrain_range_for_size.default,
    }
)
_VIEWS = frozenset({_aten.view.default, _aten._unsafe_view.default})


def normalise(exported: fx.GraphModule, names: tuple[str, ...], prefix: str) -> tuple[fx.GraphModule, tuple[str, ...]]:
    """Rewrite an exported module.

    Args:
        exported: ``ExportedProgram.module(check_guards=False)``; used up by this.
        names: names of the flat inputs, in order.
        prefix: name of the attribute under which the user's model was exported.

    Returns:
        The graph module over the user's parameter names, and sentences about what was left out.

    """
    said = inline_regions(exported)
    graph_module = _reroot(exported, names, prefix)
    graph = graph_module.graph
    for node in list(graph.nodes):
        if node.target in _ASSERTIONS or (node.op == "call_module" and str(node.target) == "_guards_fn"):
            graph.erase_node(node)
    own_device_and_type(graph)
    for node in list(graph.nodes):
        if node.target is _aten.slice.Tensor and _keeps_all(node):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
    out_of_place(graph)
    _drop_updates(graph)
    open_bags(graph)
    _explicit_sizes(graph)
    graph.eliminate_dead_code()
    for node in list(graph.nodes):
        if node.op == "get_attr" and not node.users:
            graph.erase_node(node)
    graph.lint()
    graph_module.recompile()
    return graph_module, said


def _reroot(exported: fx.GraphModule, names: tuple[str, ...], prefix: str) -> fx.GraphModule:
    """Drop the wrapper's prefix and pytree code, so that names are the user's; constants become buffers."""
    graph = exported.graph
    graph.set_codegen(fx.graph.CodeGen())
    root = exported.get_submodule(prefix) if hasattr(exported, prefix) else nn.Module()
    root.training = False
    moved = {}
    for name, tensor in [*exported._buffers.items(), *_plain_tensors(exported)]:
        moved[name] = name if not hasattr(root, name) else f"{name}_"
        root.register_buffer(moved[name], tensor, persistent=False)
    for module in list(root.modules()):
        for name, tensor in _plain_tensors(module):
            delattr(module, name)
            module.register_buffer(name, tensor, persistent=False)
    taken = iter(names)
    for node in graph.nodes:
        if node.op == "placeholder":
            node.target = next(taken)
            node._rename(node.target)
        elif node.op == "get_attr":
            node.target = moved.get(str(node.target), str(node.target).removeprefix(f"{prefix}."))
            node._rename(str(node.target).replace(".", "_"))
        node.meta = _slim(node, prefix)
    graph_module = fx.GraphModule(root, graph)
    for name, module in graph_module.named_modules():
        module._non_persistent_buffers_set |= root.get_submodule(name)._non_persistent_buffers_set & set(
            module._buffers
        )
    return graph_module


def _plain_tensors(module: nn.Module) -> list[tuple[str, torch.Tensor]]:
    return [(name, value) for name, value in vars(module).items() if isinstance(value, torch.Tensor)]


def _slim(node: fx.Node, prefix: str) -> dict[str, Any]:
    stack = node.meta.get("nn_module_stack") or {}
    path = re.sub(r"@\d+", "", str(next(reversed(stack.values()))[0])) if stack else ""
    path = path.removeprefix("L['self'].")
    path = path.removeprefix(f"{prefix}.") if path.startswith(f"{prefix}.") else ""
    meta = {"paredown_path": path}
    return meta | {key: node.meta[key] for key in ("val", "stack_trace") if key in node.meta}


def _keeps_all(node: fx.Node) -> bool:
    """Whether a slice takes the whole dimension whatever its size."""
    given = dict(enumerate(node.args))
    source: Any = given[0]
    start, end, step = given.get(2), given.get(3), given.get(4, 1)
    if start not in {0, None} or step != 1:
        return False
    size = source.meta["val"].shape[given.get(1, 0)]
    return end is None or (isinstance(end, int) and (end == _MAX or (isinstance(size, int) and end >= size)))


def _drop_updates(graph: fx.Graph) -> None:
    """Remove what changes a buffer and is not read: counters of calls, statistics that are only kept."""
    for node in reversed(list(graph.nodes)):
        operator_ = node.target
        if isinstance(operator_, torch._ops.OpOverload) and operator_._schema.is_mutable and not node.users:
            kept: Any = node.args[0]
            if isinstance(kept, fx.Node) and kept.op == "get_attr":
                graph.erase_node(node)


def _explicit_sizes(graph: fx.Graph) -> None:
    """Turn views that nothing is written to into reshapes, and replace -1 in views and expansions by its size."""
    changed = mutated(graph)
    for node in list(graph.nodes):
        if node.target in _VIEWS and node not in changed:
            node.target = _aten.reshape.default
        if node.target not in {*_VIEWS, _aten.reshape.default, _aten.expand.default}:
            continue
        sizes = list(node.args[1])
        shape = node.meta["val"].shape
        for at, size in enumerate(sizes):
            if isinstance(size, int) and size == -1:
                with graph.inserting_before(node):
                    explicit = _expression(graph, shape[at])
                sizes[at] = -1 if explicit is None else explicit
        node.update_arg(1, sizes)


def _expression(graph: fx.Graph, size: "int | torch.SymInt") -> Any:
    """A size as a number or as a node computed from input sizes; None where it has no such form."""
    return size if isinstance(size, int) else _build(graph, size.node.expr, size)


def _build(graph: fx.Graph, expression: sympy.Expr, size: Any) -> Any:
    if expression.is_Integer:
        return int(expression)
    if expression.is_Symbol:
        return _size_node(graph, expression)
    if not isinstance(expression, sympy.Mul | sympy.Add):
        return None
    parts = [_build(graph, part, size) for part in expression.args]
    if any(part is None for part in parts):
        return None
    combine = operator.mul if isinstance(expression, sympy.Mul) else operator.add
    total = parts[0]
    for part in parts[1:]:
        total = graph.call_function(combine, (total, part))
        total.meta = {"paredown_path": ""}
    return total


def _size_node(graph: fx.Graph, symbol: sympy.Symbol) -> fx.Node | None:
    """The node that reads a symbol off an input."""
    for node in graph.nodes:
        if node.op != "placeholder":
            continue
        for dim, size in enumerate(node.meta["val"].shape):
            if not isinstance(size, int) and size.node.expr == symbol:
                read = graph.call_function(_aten.sym_size.int, (node, dim))
                read.meta = {"paredown_path": "", "val": size}
                return read
    return None
