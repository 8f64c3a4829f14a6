"""A graph as JSON and back: nodes with their names, operators, arguments and notes. No code, no pickle.

What is read may come from elsewhere, and torch writes a graph out as Python and runs that. So nothing of it is taken as
it is: names are plain identifiers, operators come from the closed table of `paredown.graph.operators`, attributes are the
stored tensors, and arguments are nodes and plain values.
"""

import json
import keyword
import math
import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, NoReturn

import torch
from torch import fx

from paredown.errors import CorruptError, InputError
from paredown.graph import operators

__all__ = ["dtype", "from_json", "operator_named", "to_json"]

_NOTE = "paredown_"
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_PATH = re.compile(r"[^\"'\\\x00-\x1f\x7f]+")

_WORDS: MappingProxyType[str, Any] = MappingProxyType(
    {
        str(value).removeprefix("torch."): value
        for value in vars(torch).values()
        if isinstance(value, (torch.dtype, torch.layout, torch.memory_format))
    }
)


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


def from_json(entries: list[Mapping[str, Any]], tensors: Collection[str]) -> fx.Graph:
    """The graph that `to_json` described; every operator it calls has to be known to this torch.

    Args:
        entries: one per node.
        tensors: names of the parameters and buffers that nodes may read.

    Raises:
        CorruptError: an operator, name or argument is none that a stored network may hold, or cannot be read.

    """
    graph = fx.Graph()
    nodes: dict[str, fx.Node] = {}
    for entry in _list(entries):
        try:
            node = _node(graph, entry, nodes, tensors)
        except (KeyError, IndexError, TypeError, ValueError, OverflowError, RecursionError, RuntimeError) as error:
            msg = f"The stored graph holds the node {_short(entry)}, which cannot be read ({error}). Save the network again."
            raise CorruptError(msg) from error
        nodes[node.name] = node
    return graph


def dtype(name: Any) -> torch.dtype:
    """The number type of a name such as ``float32``.

    Raises:
        CorruptError: there is none of this name.

    """
    found = _WORDS.get(name) if isinstance(name, str) else None
    if not isinstance(found, torch.dtype):
        msg = f"{_short(name)} is stored as a type of numbers, and torch has none of this name. Save the network again."
        raise CorruptError(msg)
    return found


def _node(graph: fx.Graph, entry: Any, nodes: Mapping[str, fx.Node], tensors: Collection[str]) -> fx.Node:
    op, name = entry["op"], _name(entry["name"], nodes)
    target = _resolve(op, entry["target"], tensors)
    args, kwargs = _decode(entry["args"], nodes), _decode(entry["kwargs"], nodes)
    if not isinstance(args, tuple) or not isinstance(kwargs, dict) or (args and op in {"placeholder", "get_attr"}):
        _refuse(f"arguments {_short(entry['args'])} and {_short(entry['kwargs'])} of the node {name}")
    for key in kwargs:
        _word(key, "an argument")
    node = graph.output(args[0]) if op == "output" else graph.create_node(op, target, args, kwargs, name=name)
    node.name = name
    node.meta |= _notes(entry["notes"])
    return node


def _name(name: Any, nodes: Mapping[str, fx.Node]) -> str:
    if name in nodes:
        _refuse(f"the name {name!r} twice")
    return _word(name, "a node")


def _word(name: Any, of: str) -> str:
    """Refuse what is no plain identifier: it would be written into Python."""
    if not isinstance(name, str) or not _IDENTIFIER.fullmatch(name) or keyword.iskeyword(name):
        _refuse(f"{of} named {_short(name)}")
    return name


def _notes(notes: Any) -> dict[str, Any]:
    for key in notes:
        if not (isinstance(key, str) and key.startswith(_NOTE)):
            _refuse(f"the note {_short(key)}")
    return dict(notes)


def _resolve(op: Any, target: Any, tensors: Collection[str]) -> Any:
    match op:
        case "call_function":
            return operator_named(target)
        case "placeholder":
            return _word(target, "an input")
        case "get_attr" if isinstance(target, str) and target in tensors:
            if not _PATH.fullmatch(target):
                _refuse(f"a tensor named {_short(target)}")
            return target
        case "output":
            return target
    return _refuse(f"a node that does {_short(op)} with {_short(target)}")


def operator_named(target: Any) -> Any:
    """The operator that a stored graph calls by a name, ``aten::add.Tensor`` or ``operator:add``.

    Raises:
        CorruptError: stored networks may not call it, or it is not known here.

    """
    try:
        found = operators.target_of(target) if isinstance(target, str) else None
    except operators.Unknown as error:
        msg = f"The stored graph calls {target}, which is not known here. Load it with the versions that wrote it."
        raise CorruptError(msg) from error
    if found is None:
        _refuse(f"a call of {_short(target)}")
    return found


def _refuse(what: str) -> NoReturn:
    msg = (
        f"The stored graph holds {what}, which no stored network may hold: it holds {operators.ALLOWED}, on plain values. "
        "If the file is your own, save it again with the version that wrote it; if it is not, leave it alone."
    )
    raise CorruptError(msg)


def _short(thing: Any) -> str:
    text = repr(thing)
    return text if len(text) <= 120 else f"{text[:120]} …"


def _list(thing: Any) -> list[Any]:
    if not isinstance(thing, list):
        _refuse(f"{_short(thing)} in place of nodes")
    return thing


def _plain(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def _target(node: fx.Node) -> str:
    if node.op != "call_function":
        return str(node.target)
    name = operators.name_of(node.target)
    if name is None:
        msg = (
            f"Node {node.name} calls {_called(node.target)}, which has no stored form. A stored network holds "
            f"{operators.ALLOWED}. Express the change with torch.ops.aten operators."
        )
        raise InputError(msg)
    return name


def _called(target: Any) -> str:
    return str(target) if isinstance(target, torch._ops.OpOverload) else repr(target)


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
        case {"node": str(name)} if name in nodes:
            return nodes[name]
        case {"float": str(number)}:
            return float(number)
        case {"tuple": list(items)}:
            return tuple(_decode(item, nodes) for item in items)
        case {"dict": dict(items)}:
            return {key: _decode(item, nodes) for key, item in items.items()}
        case {"slice": [start, stop, step]}:
            return slice(_decode(start, nodes), _decode(stop, nodes), _decode(step, nodes))
        case {"torch": str(name)} if name in _WORDS:
            return _WORDS[name]
        case {"device": str(name)}:
            return torch.device(name)
    return _refuse(f"the argument {_short(value)}")
