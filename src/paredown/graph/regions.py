"""Regions that `torch.export` keeps as submodules, written into the graph they belong to."""

from typing import Any

import torch
from torch import fx, nn

from paredown.errors import CaptureError

__all__ = ["inline_regions"]

_aten = torch.ops.aten
_GRAD = torch.ops.higher_order.wrap_with_set_grad_enabled
_AUTOCAST = torch.ops.higher_order.wrap_with_autocast


def inline_regions(graph_module: fx.GraphModule) -> tuple[str, ...]:
    """Write no-grad and autocast regions into the graph, where passes can see them.

    What leaves a no-grad region is detached, so gradients stop where they stopped. An autocast region is computed in
    the type of the network; training in mixed precision is the business of ``Train(precision=…)``.

    Returns:
        A sentence per autocast region that was on.

    Raises:
        CaptureError: control flow was captured as a region (``torch.cond`` and the like).

    """
    said: list[str] = []
    while regions := [node for node in graph_module.graph.nodes if _is_region(node)]:
        for node in regions:
            if node.target is _GRAD:
                enabled, body, *inputs = node.args
                _inline(graph_module, node, body, inputs, detach=not enabled)
            elif node.target is _AUTOCAST:
                _, dtype, enabled, _, body, *inputs = node.args
                if enabled:
                    said.append(f"autocast to {dtype}: computed in the network's own type; use Train(precision=…)")
                _inline(graph_module, node, body, inputs, detach=False)
            else:
                msg = (
                    f"The model holds {node.target}: a choice or loop over values inside the graph, which cannot be cut, "
                    "quantized or lowered. Replace it by torch.where, or by a loop of fixed length."
                )
                raise CaptureError(msg)
    return tuple(dict.fromkeys(said))


def _is_region(node: fx.Node) -> bool:
    return node.op == "call_function" and isinstance(node.target, torch._ops.HigherOrderOperator)


def _body(graph_module: fx.GraphModule, node: Any) -> fx.GraphModule:
    body: Any = graph_module.get_submodule(str(node.target))
    return body  # type: ignore[no-any-return]


def _inline(graph_module: fx.GraphModule, call: fx.Node, body_node: Any, inputs: list[Any], *, detach: bool) -> None:
    body = _body(graph_module, body_node)
    graph = graph_module.graph
    copied: dict[fx.Node, Any] = {}
    feed = iter(inputs)
    outputs: Any = ()
    with graph.inserting_before(call):
        for node in body.graph.nodes:
            if node.op == "placeholder":
                copied[node] = next(feed)
            elif node.op == "output":
                outputs = fx.map_arg(node.args[0], copied.__getitem__)
            else:
                if node.op == "get_attr":
                    _bring(graph_module, body, body_node, node)
                copied[node] = graph.node_copy(node, copied.__getitem__)
                if node.op == "get_attr":
                    copied[node].target = f"{body_node.target}_{node.target}".replace(".", "_")
        outputs = outputs if isinstance(outputs, tuple | list) else (outputs,)
        outputs = [_detached(graph, out) if detach else out for out in outputs]
    _rewire(graph, call, outputs)
    graph.erase_node(call)
    if not body_node.users:
        graph.erase_node(body_node)


def _bring(graph_module: fx.GraphModule, body: fx.GraphModule, body_node: Any, node: fx.Node) -> None:
    """Lift what a region owns (nested regions, constants) to the root."""
    owner, _, leaf = str(node.target).rpartition(".")
    thing = getattr(body.get_submodule(owner), leaf)
    name = f"{body_node.target}_{node.target}".replace(".", "_")
    if isinstance(thing, nn.Module):
        graph_module.add_module(name, thing)
    else:
        graph_module.register_buffer(name, thing, persistent=False)


def _detached(graph: fx.Graph, out: Any) -> Any:
    value = out.meta.get("val") if isinstance(out, fx.Node) else None
    if not isinstance(value, torch.Tensor) or not (value.is_floating_point() or value.is_complex()):
        return out
    detached = graph.call_function(_aten.detach.default, (out,))
    detached.meta.update(out.meta)
    return detached


def _rewire(graph: fx.Graph, call: fx.Node, outputs: list[Any]) -> None:
    for user in list(call.users):
        if user.target is getattr:
            continue
        index = user.args[1]
        user.replace_all_uses_with(outputs[index])  # type: ignore[index]
        graph.erase_node(user)
