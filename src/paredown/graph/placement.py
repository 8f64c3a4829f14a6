"""Device and floating type of a graph follow its parameters.

Graphs carry constants: ``torch.arange(..., device=cpu)``, ``x.to(torch.float32)``. What had no effect when capturing is
removed; what remains is rewritten whenever the network is moved or converted. So are numbers that a type does not hold:
the lowest of float32, with which attention is masked, is beyond the lowest of bfloat16.
"""

import math
from typing import Any

import torch
from torch import fx, nn

__all__ = ["follow", "home", "own_device_and_type"]

_aten = torch.ops.aten
_CASTS = frozenset(
    {
        _aten.to.dtype,
        _aten.to.device,
        _aten.to.dtype_layout,
        _aten.to.other,
        _aten._to_copy.default,
        _aten.type_as.default,
    }
)
_LIFTS = frozenset({_aten.lift_fresh_copy.default, _aten.lift_fresh.default, _aten.lift.default})


def own_device_and_type(graph: fx.Graph) -> None:
    """Remove casts without effect, turn the others into ``to.dtype``, and write out the type of every new tensor."""
    for node in list(graph.nodes):
        if node.target in _CASTS:
            _settle_cast(graph, node)
        elif node.target in _LIFTS:
            node.target, node.args, node.kwargs = _aten.clone.default, (node.args[0],), {}
        elif _takes(node, "dtype") and _takes(node, "device") and isinstance(node.meta.get("val"), torch.Tensor):
            node.kwargs = {
                **{k: v for k, v in node.kwargs.items() if k != "pin_memory"},
                "dtype": node.meta["val"].dtype,
                "device": torch.device("cpu"),
            }
        elif node.target is _aten.masked_fill.Scalar:
            # Autocast may hand bfloat16 to it, which refuses what it cannot hold.
            node.args = tuple(_held(value, torch.bfloat16) for value in node.args)


def _settle_cast(graph: fx.Graph, node: fx.Node) -> None:
    source: Any = node.args[0]
    dtype = node.meta["val"].dtype
    if source.meta["val"].dtype == dtype and node.target is not _aten._to_copy.default:
        node.replace_all_uses_with(source)
        graph.erase_node(node)
    else:
        node.target, node.args, node.kwargs = _aten.to.dtype, (source, dtype), {}


def _takes(node: fx.Node, name: str) -> bool:
    if node.op != "call_function" or not isinstance(node.target, torch._ops.OpOverload):
        return False
    return any(argument.name == name and argument.kwarg_only for argument in node.target._schema.arguments)


def home(module: nn.Module) -> tuple[torch.device, torch.dtype]:
    """Device and floating type of a module's first floating tensor (CPU and float32 where it has none)."""
    for tensor in [*module.parameters(), *module.buffers()]:
        if tensor.is_floating_point():
            return tensor.device, tensor.dtype
    return torch.device("cpu"), torch.float32


def follow(graph_module: fx.GraphModule, device: torch.device | None, old: torch.dtype, new: torch.dtype) -> bool:
    """Write a device and a floating type into every constant of the graph.

    Args:
        graph_module: changed in place.
        device: where parameters live now; None leaves devices as they are.
        old: the network's floating type so far; only constants of this type change.
        new: its floating type from now on.

    Returns:
        Whether anything changed.

    """
    changed = False
    for node in graph_module.graph.nodes:
        if node.op != "call_function":
            continue
        args = tuple(_followed(a, None, old, new) for a in node.args)
        kwargs = {key: _followed(value, device, old, new) for key, value in node.kwargs.items()}
        if args != node.args or kwargs != node.kwargs:
            node.args, node.kwargs = args, kwargs
            changed = True
    if changed:
        graph_module.recompile()
    return changed


def _followed(value: Any, device: torch.device | None, old: torch.dtype, new: torch.dtype) -> Any:
    if isinstance(value, torch.dtype) and value == old:
        return new
    if isinstance(value, torch.device) and device is not None:
        return device
    return _held(value, new)


def _held(value: Any, dtype: torch.dtype) -> Any:
    """A finite number beyond those of a floating type becomes its largest or lowest; all else stays."""
    if isinstance(value, float) and math.isfinite(value) and abs(value) > torch.finfo(dtype).max:
        return math.copysign(torch.finfo(dtype).max, value)
    return value
