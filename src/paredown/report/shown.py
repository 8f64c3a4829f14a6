"""A summary whose words can be shown: what a run directory holds was perhaps written by somebody else."""

import dataclasses
from collections.abc import Mapping
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
    if isinstance(thing, str):
        return printable(thing) if name in _LONG else one_line(thing)
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        fields = [field.name for field in dataclasses.fields(thing) if field.init]
        return dataclasses.replace(thing, **{field: _shown(getattr(thing, field), field) for field in fields})
    if isinstance(thing, Mapping):
        return MappingProxyType({_shown(key): _shown(value) for key, value in thing.items()})
    if isinstance(thing, tuple | list):
        return type(thing)(_shown(item, name) for item in thing)
    return thing
