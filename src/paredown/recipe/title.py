"""Settings in the words people would type."""

import dataclasses
from typing import Any

from torch import nn

from paredown.recipe.ingredient import label

__all__ = ["title"]


def title(thing: Any) -> str:
    """Settings without those that are at their default: ``Train(epochs=3, using=[distill.Logits(alpha=0.5)])``."""
    if isinstance(thing, nn.Module):
        return type(thing).__name__
    if isinstance(thing, type) or (callable(thing) and not dataclasses.is_dataclass(thing)):
        return str(getattr(thing, "__name__", thing))
    if isinstance(thing, (tuple, list)):
        return f"[{', '.join(map(title, thing))}]"
    if not dataclasses.is_dataclass(thing):
        return repr(thing)
    name = label(thing).removeprefix("recipe.")
    said = [
        f"{f.name}={title(getattr(thing, f.name))}"
        for f in dataclasses.fields(thing)
        if f.init and not _usual(f, thing)
    ]
    return f"{name}({', '.join(said)})"


def _usual(field: "dataclasses.Field[Any]", thing: Any) -> bool:
    value = getattr(thing, field.name)
    if field.default_factory is not dataclasses.MISSING:
        return bool(value == field.default_factory())
    return field.default is not dataclasses.MISSING and bool(value == field.default)
