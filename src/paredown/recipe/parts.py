"""Techniques inside of techniques: an importance in a cut, a loss in a distillation."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from paredown.recipe.ingredient import label

__all__ = ["misgiven"]


def misgiven(technique: object) -> Iterator[str]:
    """Settings, at any depth, that are a class or a name where a technique with its settings belongs, in words."""
    for field in dataclasses.fields(technique):  # type: ignore[arg-type]
        value = getattr(technique, field.name)
        who = f"{label(technique).removeprefix('recipe.')}({field.name}="
        for part in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(part, type) and dataclasses.is_dataclass(part):
                yield f"{who}{part.__name__}) was given, the class. A technique has settings. Type {part.__name__}()."
            elif isinstance(part, str) and dataclasses.is_dataclass(usual := _usual(field)):
                typed = f"{field.name}={label(usual)}()"
                yield f"{who}{part!r}) was given. Strings name techniques on the command line only. Type {typed}."
            elif dataclasses.is_dataclass(part) and not isinstance(part, type):
                yield from misgiven(part)


def _usual(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
