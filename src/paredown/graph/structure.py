"""How a user's inputs and outputs are nested, as data.

Inside a `Network` everything is a flat list of tensors. At its edge a `Structure` takes the user's tuples, dicts and
dataclasses apart and puts them together again. It is JSON, so a stored network needs neither pickle nor the classes.
"""

import dataclasses
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

__all__ = ["Structure", "flatten"]


@dataclasses.dataclass(frozen=True)
class Structure:
    """A nesting of containers.

    Attributes:
        kind: ``tensor``, ``constant``, ``tuple``, ``list``, ``dict``, ``namedtuple``, ``dataclass`` or ``dropped``.
        keys: names of the children (dict keys, field names, or positions as text).
        children: one structure per key.
        value: the constant itself (None, bool, int, float or str).
        reference: ``module:Class`` of a named tuple or dataclass.
        cls: the class, where it is known (after capture; not after loading).

    """

    kind: str
    keys: tuple[str, ...] = ()
    children: tuple["Structure", ...] = ()
    value: bool | int | float | str | None = None
    reference: str = ""
    cls: type | None = dataclasses.field(default=None, compare=False, repr=False)

    def leaves(self, prefix: str = "") -> list[str]:
        """Dotted path of every tensor, in flat order."""
        if self.kind == "tensor":
            return [prefix]
        join = f"{prefix}." if prefix else ""
        return [
            leaf for key, child in zip(self.keys, self.children, strict=True) for leaf in child.leaves(f"{join}{key}")
        ]

    def constants(self, prefix: str = "") -> dict[str, Any]:
        """Every plain value by its dotted path."""
        if self.kind == "constant":
            return {prefix: self.value}
        join = f"{prefix}." if prefix else ""
        found: dict[str, Any] = {}
        for key, child in zip(self.keys, self.children, strict=True):
            found |= child.constants(f"{join}{key}")
        return found

    def build(self, tensors: Sequence[Any]) -> Any:
        """Put flat tensors back into the user's nesting."""
        flow = iter(tensors)
        return self._build(flow)

    def _build(self, flow: Iterator[Any]) -> Any:  # noqa: PLR0911 (one per kind)
        match self.kind:
            case "tensor":
                return next(flow)
            case "constant":
                return self.value
            case "dropped":
                return None
        items = [child._build(flow) for child in self.children]
        match self.kind:
            case "tuple":
                return tuple(items)
            case "list":
                return items
            case "dict":
                return dict(zip(self.keys, items, strict=True))
        named = dict(zip(self.keys, items, strict=True))
        if self.cls is None:
            return types.SimpleNamespace(**named)
        return self.cls(**named)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; the inverse of `from_json`."""
        out: dict[str, Any] = {"kind": self.kind}
        if self.keys:
            out["keys"] = list(self.keys)
            out["children"] = [child.to_json() for child in self.children]
        if self.kind == "constant":
            out["value"] = self.value
        if self.reference:
            out["reference"] = self.reference
        return out

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Structure":
        """Read what `to_json` wrote; classes are not imported."""
        return cls(
            kind=data["kind"],
            keys=tuple(data.get("keys", ())),
            children=tuple(cls.from_json(child) for child in data.get("children", ())),
            value=data.get("value"),
            reference=data.get("reference", ""),
        )


def flatten(thing: Any) -> tuple[list[torch.Tensor], Structure]:
    """Take tuples, lists, dicts, named tuples and dataclasses apart into tensors and a `Structure`.

    Objects of other classes are left out and marked ``dropped``.
    """
    match thing:
        case torch.Tensor():
            return [thing], Structure("tensor")
        case None | bool() | int() | float() | str():
            return [], Structure("constant", value=thing)
        case tuple() if hasattr(thing, "_fields"):
            kind, names, values = "namedtuple", list(thing._fields), list(thing)
        case tuple():
            kind, names, values = "tuple", [str(i) for i in range(len(thing))], list(thing)
        case list():
            kind, names, values = "list", [str(i) for i in range(len(thing))], list(thing)
        case _ if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
            kind = "dataclass"
            names = [f.name for f in dataclasses.fields(thing) if f.init and getattr(thing, f.name) is not None]
            values = [getattr(thing, name) for name in names]
        case Mapping():
            kind, names, values = "dict", [str(key) for key in thing], list(thing.values())
        case _:
            return [], Structure("dropped", reference=f"{type(thing).__module__}:{type(thing).__qualname__}")
    tensors: list[torch.Tensor] = []
    children = []
    for value in values:
        flat, child = flatten(value)
        tensors += flat
        children.append(child)
    named = kind in {"namedtuple", "dataclass"}
    reference = f"{type(thing).__module__}:{type(thing).__qualname__}" if named else ""
    return tensors, Structure(
        kind, tuple(names), tuple(children), reference=reference, cls=type(thing) if named else None
    )
