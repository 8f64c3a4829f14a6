"""Settings as data: frozen dataclasses to JSON and back, without pickle and without importing what the data names.

A dataclass becomes ``{"type": "prune.Channels", "keep": 0.5, ...}``, a function of the user's ``{"ref": "module:name"}``.
What a name means is said by `paredown.names`, a closed table; decoding builds the dataclass from its fields, so whatever
can be encoded can be printed, compared, hashed, stored and replayed.
"""

import dataclasses
import enum
import hashlib
import json
import math
import types
from collections.abc import Iterator, Mapping
from typing import Any

from paredown import names
from paredown.errors import InputError, ParedownError

__all__ = ["JSON", "Encoded", "contemporary", "decode", "encode", "fingerprint", "users_modules"]

JSON = Any


@dataclasses.dataclass(frozen=True)
class Encoded:
    """What `encode` gave before, to be encoded as it is.

    Attributes:
        data: JSON.

    """

    data: JSON


def encode(thing: Any) -> JSON:  # noqa: C901, PLR0911 (one return for each form)
    """Turn settings into JSON-ready values.

    Args:
        thing: None, bool, int, float, str, enum member, tuple, list, frozenset of what can be sorted, dict with string
            keys, instance of a dataclass that has a stored name, `Encoded`, or a top-level function of the user's own.

    Raises:
        InputError: the value has no form that could be read back.

    """
    match thing:
        case enum.Enum():
            return {"enum": names.name_of(type(thing)), "name": thing.name}
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
        case types.FunctionType():
            return {"ref": names.name_of_function(thing)}
        case Encoded():
            return thing.data
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        fields = {f.name: encode(getattr(thing, f.name)) for f in dataclasses.fields(thing) if f.init}
        return {"type": names.name_of(type(thing)), **fields}
    msg = (
        f"{_called(thing)} cannot be stored with the run. Settings are numbers, strings, tuples and frozen "
        "dataclasses of these. Make the class a `@dataclass(frozen=True)`."
    )
    raise InputError(msg)


def _called(thing: Any) -> str:
    return f"The class {thing.__name__}" if isinstance(thing, type) else type(thing).__name__


def decode(data: JSON) -> Any:
    """Build settings from what `encode` wrote; nothing that the data names is imported for it.

    Raises:
        InputError: a name that is no stored one, a user's own type whose module is not imported, or fields that have
            changed.

    """
    try:
        return _decode(data)
    except RecursionError as error:
        msg = "Stored settings are nested too deep to be read. Use what Paredown wrote, unchanged."
        raise InputError(msg) from error


def _decode(data: JSON) -> Any:  # noqa: PLR0911 (one return for each form)
    if isinstance(data, list):
        return [_decode(item) for item in data]
    if not isinstance(data, dict):
        return data
    match data:
        case {"type": str(name)}:
            return _built(name, {key: value for key, value in data.items() if key != "type"})
        case {"enum": str(name), "name": str(member)}:
            return _member(name, member)
        case {"float": str(number)}:
            return _number(number)
        case {"tuple": list(items)}:
            return tuple(_decode(item) for item in items)
        case {"set": list(items)}:
            return _set(items)
        case {"dict": dict(items)}:
            return {key: _decode(value) for key, value in items.items()}
        case {"ref": str(name)}:
            return names.function(name)
    msg = f"Cannot read stored settings {_short(data)}: no known form. Use the version of Paredown that wrote them."
    raise InputError(msg)


def _short(data: JSON) -> str:
    text = repr(data)
    return text if len(text) <= 200 else f"{text[:200]} …"


def _member(name: str, member: str) -> enum.Enum:
    kind = names.type_of(name)
    found = kind.__members__.get(member) if issubclass(kind, enum.Enum) else None
    if found is None:
        msg = f"{name!r} was stored with the member {member!r}, which it does not have. Use the version that wrote it."
        raise InputError(msg)
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        msg = f"{_short(text)} was stored as a number. Use the version of Paredown that wrote it."
        raise InputError(msg) from error


def _set(items: list[JSON]) -> frozenset[Any]:
    try:
        return frozenset(_decode(item) for item in items)
    except TypeError as error:
        msg = f"{_short(items)} was stored as a set ({error}). Use the version of Paredown that wrote it."
        raise InputError(msg) from error


def _built(name: str, stored: Mapping[str, JSON]) -> Any:
    kind = names.type_of(name)
    if not dataclasses.is_dataclass(kind):
        msg = f"{name!r} was stored with the run but is no dataclass any more. Use the version that wrote it."
        raise InputError(msg)
    fields = {key: _decode(value) for key, value in stored.items()}
    try:
        return kind(**fields)
    except ParedownError:
        raise
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
        msg = f"{name!r} was stored with other fields than it has now ({error}). Use the version that wrote it."
        raise InputError(msg) from error


def contemporary(data: JSON) -> JSON:
    """Encoded settings with every name as it is written now, so that those of different versions can be compared."""
    if isinstance(data, list):
        return [contemporary(item) for item in data]
    if not isinstance(data, dict):
        return data
    if isinstance(data.get("dict"), dict) and len(data) == 1:
        return {"dict": {key: contemporary(value) for key, value in data["dict"].items()}}
    naming = _naming(data)
    return {key: names.contemporary(value) if key == naming else contemporary(value) for key, value in data.items()}


def _naming(data: Mapping[str, JSON]) -> str | None:
    """The key under which an encoded dataclass, function or enumeration has its name."""
    return next((key for key in ("type", "enum", "ref") if isinstance(data.get(key), str)), None)


def users_modules(data: JSON) -> frozenset[str]:
    """Modules of the user's own that hold what encoded settings name.

    >>> sorted(users_modules([{"type": "prune.Channels"}, {"ref": "my_module:teacher"}]))
    ['my_module']

    """
    return frozenset(name.partition(":")[0] for name in _names(contemporary(data)) if not names.is_own(name))


def _names(data: JSON) -> Iterator[str]:
    if isinstance(data, list):
        for item in data:
            yield from _names(item)
    elif isinstance(data, dict):
        inside = data["dict"] if isinstance(data.get("dict"), dict) and len(data) == 1 else data
        naming = _naming(data) if inside is data else None
        for key, value in inside.items():
            yield from [value] if key == naming else _names(value)


def fingerprint(*things: Any) -> str:
    """SHA-256 (hex) of the canonical JSON of settings: equal settings, equal fingerprint."""
    text = json.dumps([encode(thing) for thing in things], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
