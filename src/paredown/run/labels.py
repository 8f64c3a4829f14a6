"""Short names of steps and recipes, for legends and tables."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from paredown import codec, names

if TYPE_CHECKING:
    from paredown.recipe.order import RecipeStep

__all__ = ["FAMILIES", "NOTHING", "ORIGINAL", "families", "label", "step_family", "stored_families", "title"]

FAMILIES = ("prune", "quantize", "distill", "regularize", "architecture")

ORIGINAL = "original"
"""Role and label of the captured original."""

NOTHING = "do nothing"
"""Label of the control that is the original's own file once more."""


def step_family(step: "RecipeStep") -> str:
    """``prune``, ``quantize``, ``architecture``, ``distill``, ``regularize`` or ``train``."""
    return step.family


def families(steps: Sequence["RecipeStep"]) -> tuple[str, ...]:
    """Families in the order in which they are first applied; plain training is none of them."""
    return tuple(dict.fromkeys(name for step in steps for name in step.families))


def stored_families(recipe: Any) -> tuple[str, ...]:
    """The same of an encoded recipe, without the techniques themselves: they import torch, and a page does without.

    Args:
        recipe: as `TrialRecord` holds it, `paredown.codec.encode` of the steps; those of the user's own need not be at hand.

    """
    return tuple(dict.fromkeys(_rooms(codec.contemporary(recipe))))


def _rooms(recipe: Any) -> Iterator[str]:
    items = recipe.get("tuple", ()) if isinstance(recipe, Mapping) else recipe
    for step in items if isinstance(items, (list, tuple)) else ():
        name = step.get("type") if isinstance(step, Mapping) else None
        if name == "recipe.Train":
            yield from _rooms(step.get("using"))
        elif isinstance(name, str):
            yield names.room(name)


def label(steps: Sequence["RecipeStep"]) -> str:
    """A recipe in a few words: ``prune 45% → distill → int8``; trainings that follow one another are one word."""
    words: list[str] = []
    for step in steps:
        if not words or words[-1] != step.word:
            words.append(step.word)
    return " → ".join(words) or "do nothing"


def title(step: Any) -> str:
    """A step as it would be typed, settings that are not the defaults: ``prune.Channels(keep=0.5)``."""
    name = type(step).__name__
    if _room(step) != "recipe" or not hasattr(step, "families"):  # the one step that is no technique stands alone
        name = f"{_room(step)}.{name}"
    settings = []
    for field in dataclasses.fields(step):
        value = getattr(step, field.name)
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        if value != default:
            settings.append(f"{field.name}={_typed(value)}")
    return f"{name}({', '.join(settings)})"


def _typed(value: Any) -> str:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return title(value)
    if isinstance(value, tuple):
        return f"[{', '.join(_typed(item) for item in value)}]"
    if isinstance(value, float):
        return f"{value:.6g}"
    return repr(value)


def _room(thing: Any) -> str:
    """The package below ``paredown`` that a class lives in; the last part of the module for users' own."""
    return _package(type(thing).__module__)


def _package(module: str) -> str:
    parts = module.split(".")
    return parts[1] if parts[0] == "paredown" and len(parts) > 1 else parts[-1]
