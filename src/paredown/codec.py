"""Settings as data: frozen dataclasses to JSON and back, without pickle.

A dataclass becomes ``{"type": "paredown.prune:Channels", "keep": 0.5, ...}``. Functions and classes become
``{"ref": "module:name"}``. Decoding imports the named module and builds the dataclass from its fields, so whatever
can be encoded can be printed, compared, hashed, stored and replayed.
"""

import dataclasses
import enum
import hashlib
import importlib
import json
import math
import types
from collections.abc import Mapping
from typing import Any

from paredown.errors import InputError

__all__ = ["JSON", "decode", "encode", "fingerprint"]

JSON = Any


def _reference(thing: Any) -> str:
    name = getattr(thing, "__qualname__", None)
    module = getattr(thing, "__module__", None)
    if name is None or module is None or "<" in name:
        msg = (
            f"{thing!r} has no importable name, so it cannot be stored with the run. "
            "Only functions and classes at the top level of a module can be found again. "
            "Define it with `def name(...)` at the top level of a module."
        )
        raise InputError(msg)
    return f"{module}:{name}"


def encode(thing: Any) -> JSON:  # noqa: PLR0911 (one return for each form)
    """Turn settings into JSON-ready values.

    Args:
        thing: None, bool, int, float, str, enum member, tuple, list, frozenset of what can be sorted, dict with string
            keys, dataclass instance, or a top-level function or class.

    Raises:
        InputError: the value has no form that could be read back.

    """
    match thing:
        case enum.Enum():
            return {"enum": _reference(type(thing)), "name": thing.name}
        case None | bool() | int() | str():
            return thing
        case float():
            return thing if math.isfinite(thing) else {"float": repr(thing)}
        case list():
            return [encode(item) for item in thing]
        case tuple():
            return {"tuple": [encode(item) for item in thing]}
        case frozenset():
            return {"set": [encode(item) for item in sorted(thing)]}  # its own order is another one in every process
        case Mapping():
            return {"dict": {str(key): encode(value) for key, value in thing.items()}}
        case types.FunctionType() | type():
            return {"ref": _reference(thing)}
    if dataclasses.is_dataclass(thing):
        fields = {f.name: encode(getattr(thing, f.name)) for f in dataclasses.fields(thing) if f.init}
        return {"type": _reference(type(thing)), **fields}
    msg = (
        f"{type(thing).__name__} cannot be stored with the run. Settings are numbers, strings, tuples and frozen "
        "dataclasses of these. Make the class a `@dataclass(frozen=True)`."
    )
    raise InputError(msg)


def _resolve(reference: str) -> Any:
    module, _, name = reference.partition(":")
    try:
        thing: Any = importlib.import_module(module)
        for part in name.split("."):
            thing = getattr(thing, part)
    except (ImportError, AttributeError) as error:
        msg = f"{reference!r} was stored with the run but cannot be imported here ({error}). Make {module} importable."
        raise InputError(msg) from error
    return thing


def decode(data: JSON) -> Any:  # noqa: C901, PLR0911 (one return for each form)
    """Build settings from what `encode` wrote.

    Raises:
        InputError: a class is not importable here, is not a dataclass, or its fields have changed.

    """
    if isinstance(data, list):
        return [decode(item) for item in data]
    if not isinstance(data, dict):
        return data
    match data:
        case {"enum": str(reference), "name": str(name)}:
            return _resolve(reference)[name]
        case {"float": str(number)}:
            return float(number)
        case {"tuple": list(items)}:
            return tuple(decode(item) for item in items)
        case {"set": list(items)}:
            return frozenset(decode(item) for item in items)
        case {"dict": dict(items)}:
            return {key: decode(value) for key, value in items.items()}
        case {"ref": str(reference)}:
            return _resolve(reference)
        case {"type": str(reference)}:
            cls = _resolve(reference)
            fields = {key: decode(value) for key, value in data.items() if key != "type"}
            if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
                msg = f"{reference!r} was stored with the run but is no dataclass any more. Use the version that wrote it."
                raise InputError(msg)
            try:
                return cls(**fields)
            except TypeError as error:
                msg = f"{reference!r} was stored with other fields than it has now ({error}). Use the version that wrote it."
                raise InputError(msg) from error
    msg = f"Cannot read stored settings {data!r}: no known form. Use the version of Paredown that wrote them."
    raise InputError(msg)


def fingerprint(*things: Any) -> str:
    """SHA-256 (hex) of the canonical JSON of settings: equal settings, equal fingerprint."""
    text = json.dumps([encode(thing) for thing in things], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
