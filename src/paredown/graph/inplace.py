"""In-place operators, replaced by their out-of-place form where both mean the same.

An observer or a distillation tap that keeps what a batch norm computed must not find it overwritten by the ``relu_``
behind it.
"""

from typing import Any

import torch
from torch import fx

__all__ = ["mutated", "out_of_place"]

_MAYBE_ALIAS = frozenset(
    {"contiguous", "reshape", "flatten", "unflatten", "to", "dropout", "feature_dropout", "alpha_dropout", "getitem"}
)


def out_of_place(graph: fx.Graph) -> None:
    """Replace in-place operators whose target nobody else sees changed."""
    order = {node: index for index, node in enumerate(graph.nodes)}
    for node in list(graph.nodes):
        twin = _twin(node)
        if twin is None or not _safe(node, order):
            continue
        target = node.args[0]
        node.target = twin
        for user in list(target.users):
            if user is not node and order[user] > order[node]:
                user.replace_input_with(target, node)


def mutated(graph: fx.Graph) -> set[fx.Node]:
    """Every node whose memory an operator of the graph changes in place."""
    changing = (
        node
        for node in graph.nodes
        if isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable and node.args
    )
    return {member for node in changing if isinstance(node.args[0], fx.Node) for member in _family(node.args[0])}


def _twin(node: fx.Node) -> Any:
    """The out-of-place overload with the same arguments; None where there is none."""
    if node.op != "call_function" or not isinstance(node.target, torch._ops.OpOverload):
        return None
    schema = node.target._schema
    name = schema.name.removeprefix("aten::")
    if not name.endswith("_") or name.startswith("_") or not schema.is_mutable:
        return None
    packet = getattr(torch.ops.aten, name.removesuffix("_"), None)
    twin = getattr(packet, node.target._overloadname, None)
    if twin is None or [a.name for a in twin._schema.arguments] != [a.name for a in schema.arguments]:
        return None
    return twin


def _safe(node: fx.Node, order: dict[fx.Node, int]) -> bool:
    target = node.args[0]
    if not isinstance(target, fx.Node) or "val" not in target.meta:
        return False
    before, after = target.meta["val"], node.meta["val"]
    if not _same_result(node, before, after):
        return False
    family = _family(target)
    if any(member.op in {"placeholder", "get_attr"} for member in family):
        return False
    earlier = {member for member in family if member is not target and order[member] < order[node]}
    return not any(order[user] > order[node] for member in earlier for user in member.users)


def _same_result(node: fx.Node, before: Any, after: Any) -> bool:
    """In place keeps type and shape of the target; the out-of-place form must do so by itself."""
    if not isinstance(before, torch.Tensor) or before.dtype != after.dtype or before.shape != after.shape:
        return False
    types = [
        argument.meta["val"] for argument in node.all_input_nodes if isinstance(argument.meta.get("val"), torch.Tensor)
    ]
    ranked = [value.dtype for value in types if value.ndim or not before.ndim]
    promoted = before.dtype
    for dtype in ranked:
        promoted = torch.promote_types(promoted, dtype)
    return promoted == before.dtype


def _family(node: fx.Node) -> set[fx.Node]:
    """Every node that may share memory with this one."""
    root = node
    while (source := _source(root)) is not None:
        root = source
    family, queue = {root}, [root]
    while queue:
        for user in queue.pop().users:
            if user not in family and _source(user) in family:
                family.add(user)
                queue.append(user)
    return family


def _source(node: fx.Node) -> fx.Node | None:
    """The node whose memory this one shows, if any."""
    if node.op != "call_function" or not node.args or not isinstance(node.args[0], fx.Node):
        return None
    if isinstance(node.target, torch._ops.OpOverload):
        schema = node.target._schema
        name = schema.name.removeprefix("aten::")
        aliases = any(result.alias_info is not None for result in schema.returns)
        return node.args[0] if aliases or name in _MAYBE_ALIAS else None
    return node.args[0] if getattr(node.target, "__name__", "") in _MAYBE_ALIAS else None
