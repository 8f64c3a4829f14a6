"""JSON into dataclasses, every value checked against the type of its field."""

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any

import numpy as np

from paredown.verdict.arrays import unpack

__all__ = ["typed"]

_LARGEST = 1 << 62
_ENDLESS = frozenset({"inf", "-inf", "nan"})  # JSON has no words for them


def typed(hint: Any, value: Any) -> Any:  # noqa: PLR0911 (one return for each kind of type)
    """A value of the type that a hint says.

    Args:
        hint: a dataclass, a number, text, a tuple, a mapping, an array, or one of these or None.
        value: plain JSON.

    Raises:
        ValueError: the value has another type, a field is missing, or one is unknown.

    """
    if hint is Any:
        return value
    if hint is float:
        return _number(value)
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        inner = next(part for part in typing.get_args(hint) if part is not types.NoneType)
        return None if value is None else typed(inner, value)
    if origin is np.ndarray:
        return unpack(_of(dict, value))
    if origin is tuple:
        return _several(typing.get_args(hint), _of(list, value))
    if origin is not None and issubclass(origin, Mapping):
        inner = typing.get_args(hint)[1]
        return {key: typed(inner, part) for key, part in _of(dict, value).items()}
    if dataclasses.is_dataclass(hint):
        return _record(hint, _of(dict, value))
    return _of(hint, value)


def _number(value: Any) -> float:
    if (
        type(value) is float
        or (type(value) is int and abs(value) <= _LARGEST)
        or (type(value) is str and value in _ENDLESS)
    ):
        return float(value)
    msg = f"{_short(value)} where a number belongs"
    raise ValueError(msg)


def _several(hints: tuple[Any, ...], value: list[Any]) -> tuple[Any, ...]:
    if hints[-1] is Ellipsis:
        hints = (hints[0],) * len(value)
    if len(hints) != len(value):
        msg = f"{len(value)} values where {len(hints)} belong"
        raise ValueError(msg)
    return tuple(typed(hint, part) for hint, part in zip(hints, value, strict=True))


def _record(kind: Any, value: dict[str, Any]) -> Any:
    hints = _hints(kind)
    needed = {f.name for f in dataclasses.fields(kind) if f.default is f.default_factory is dataclasses.MISSING}
    if odd := (needed - set(value)) | (set(value) - set(hints)):
        names = ", ".join(_short(name) for name in sorted(odd)[:3])
        msg = f"fields of {kind.__name__} that are missing or unknown: {names}"
        raise ValueError(msg)
    made = {}
    for name, part in value.items():
        try:
            made[name] = typed(hints[name], part)
        except ValueError as error:
            msg = f"{name}: {error}"
            raise ValueError(msg) from error
    return kind(**made)


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {f.name: hints[f.name] for f in dataclasses.fields(kind) if f.init}


def _of(kind: type, value: Any) -> Any:
    if type(value) is kind and not (isinstance(value, int) and abs(value) > _LARGEST):
        return value
    msg = f"{_short(value)} where {kind.__name__} belongs"
    raise ValueError(msg)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
