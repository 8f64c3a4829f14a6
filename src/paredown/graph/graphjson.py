"""A graph as JSON and back: nodes with their names, operators, arguments and notes. No code, no pickle."""

import importlib
import json
import math
import operator
from collections.abc import Mapping
from typing import Any

import torch
from torch import fx

from paredown.errors import CorruptError, InputError

__all__ = ["from_json", "to_json"]

_NOTE = "paredown_"
_OPERATORS = ("paredown.graph.fakequantize", "paredown.graph.dynamic")
_MODULES = {"operator": operator, "_operator": operator, "math": math, "torch": torch}


def to_json(graph: fx.Graph) -> list[dict[str, Any]]:
    """One entry per node.

    Raises:
        InputError: an argument or operator has no stored form.

    """
    return [
        {
            "op": node.op,
            "name": node.name,
            "target": _target(node),
            "args": _encode(node.args),
            "kwargs": _encode(dict(node.kwargs)),
            "notes": {key: value for key, value in node.meta.items() if key.startswith(_NOTE) and _plain(value)},
        }
        for node in graph.nodes
    ]


def from_json(entries: list[Mapping[str, Any]]) -> fx.Graph:
    """The graph that `to_json` described; every operator it calls has to be known to this torch.

    Raises:
        CorruptError: an operator or argument cannot be read.

    """
    graph = fx.Graph()
    nodes: dict[str, fx.Node] = {}
    for entry in entries:
        op, target = entry["op"], entry["target"]
        target = operator_named(target) if op == "call_function" else target
        args, kwargs = _decode(entry["args"], nodes), _decode(entry["kwargs"], nodes)
        if op == "output":
            node = graph.output(args[0])
        else:
            node = graph.create_node(op, target, args, kwargs, name=entry["name"])
        node.name = entry["name"]
        node.meta |= entry["notes"]
        nodes[node.name] = node
    return graph


def _plain(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def _target(node: fx.Node) -> str:
    if node.op != "call_function":
        return str(node.target)
    if isinstance(node.target, torch._ops.OpOverload):
        return f"{node.target.namespace}::{node.target._opname}.{node.target._overloadname}"
    module, name = getattr(node.target, "__module__", ""), getattr(node.target, "__name__", "")
    if module in _MODULES and getattr(_MODULES[module], name, None) is node.target:
        return f"{module.removeprefix('_')}:{name}"
    msg = (
        f"Node {node.name} calls {node.target!r}, which has no stored form. A stored graph calls torch operators and "
        "plain arithmetic. Express the change with torch.ops.aten operators."
    )
    raise InputError(msg)


def operator_named(target: str) -> Any:
    """The operator that a stored graph calls by a name, ``aten::add.Tensor`` or ``operator:add``.

    Raises:
        CorruptError: no such operator is known here.

    """
    try:
        if "::" in target:
            namespace, _, rest = target.partition("::")
            if namespace == "paredown":
                for room in _OPERATORS:
                    importlib.import_module(room)
            packet, _, overload = rest.rpartition(".")
            return getattr(getattr(getattr(torch.ops, namespace), packet), overload)
        module, _, name = target.partition(":")
        return getattr(_MODULES[module], name)
    except (AttributeError, KeyError) as error:
        msg = f"The stored graph calls {target}, which is not known here. Load it with the versions that wrote it."
        raise CorruptError(msg) from error


def _encode(value: Any) -> Any:  # noqa: PLR0911 (one per kind of value)
    match value:
        case fx.Node():
            return {"node": value.name}
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else {"float": repr(value)}
        case list():
            return [_encode(item) for item in value]
        case tuple():
            return {"tuple": [_encode(item) for item in value]}
        case dict():
            return {"dict": {key: _encode(item) for key, item in value.items()}}
        case slice():
            return {"slice": [_encode(value.start), _encode(value.stop), _encode(value.step)]}
        case torch.dtype() | torch.memory_format() | torch.layout():
            return {"torch": str(value).removeprefix("torch.")}
        case torch.device():
            return {"device": str(value)}
    msg = (
        f"A node has the argument {value!r} of type {type(value).__name__}, which has no stored form. Arguments are "
        "nodes, numbers, text, types and lists of these. Make a tensor a buffer and read it by a get_attr node."
    )
    raise InputError(msg)


def _decode(value: Any, nodes: Mapping[str, fx.Node]) -> Any:  # noqa: PLR0911 (one per kind of value)
    if isinstance(value, list):
        return fx.immutable_collections.immutable_list([_decode(item, nodes) for item in value])
    if not isinstance(value, dict):
        return value
    match value:
        case {"node": str(name)}:
            return nodes[name]
        case {"float": str(number)}:
            return float(number)
        case {"tuple": list(items)}:
            return tuple(_decode(item, nodes) for item in items)
        case {"dict": dict(items)}:
            return {key: _decode(item, nodes) for key, item in items.items()}
        case {"slice": list(items)}:
            return slice(*(_decode(item, nodes) for item in items))
        case {"torch": str(name)}:
            return getattr(torch, name)
        case {"device": str(name)}:
            return torch.device(name)
    msg = (
        f"The stored graph has the argument {value!r}, which has no known form. Load it with the version that wrote it."
    )
    raise CorruptError(msg)
