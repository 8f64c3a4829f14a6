"""A summary whose words can be shown: what a run directory holds was perhaps written by somebody else."""

import dataclasses
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from paredown.trust import one_line, printable

if TYPE_CHECKING:
    from paredown.run.summary import RunSummary

__all__ = ["shown"]

_LONG = frozenset({"failure", "text", "advice", "reason"})
"""Fields that may run over several lines; all others are names and words."""


def shown(summary: "RunSummary") -> "RunSummary":
    """The same summary with every text made printable; pages and terminals are drawn from it."""
    return cast("RunSummary", _shown(summary))


def _shown(thing: Any, name: str = "") -> Any:
    """The same object where nothing in it has to be changed."""
    if isinstance(thing, str):
        return printable(thing) if name in _LONG else one_line(thing)
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        fields = {field.name: getattr(thing, field.name) for field in dataclasses.fields(thing) if field.init}
        made = {field: _shown(value, field) for field, value in fields.items()}
        return thing if _same(made.values(), fields.values()) else dataclasses.replace(thing, **made)
    if isinstance(thing, Mapping):
        parts = {_shown(key): _shown(value) for key, value in thing.items()}
        return thing if _same((*parts, *parts.values()), (*thing, *thing.values())) else MappingProxyType(parts)
    if isinstance(thing, tuple | list):
        items = [_shown(item, name) for item in thing]
        return thing if _same(items, thing) else type(thing)(items)
    return thing


def _same(one: Iterable[Any], other: Iterable[Any]) -> bool:
    return all(a is b for a, b in zip(one, other, strict=False))
