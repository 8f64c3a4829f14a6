"""Short names of steps and recipes, for legends and tables."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from paredown.recipe.train import Train

__all__ = ["FAMILIES", "NOTHING", "ORIGINAL", "families", "label", "step_family", "title"]

FAMILIES = ("prune", "quantize", "distill", "regularize", "architecture")

ORIGINAL = "original"
"""Role and label of the captured original."""

NOTHING = "do nothing"
"""Label of the control that is the original's own file once more."""

_TECHNIQUES = ("prune", "quantize", "architecture")


def step_family(step: Any) -> str:
    """``prune``, ``quantize``, ``architecture``, ``distill``, ``regularize`` or ``train``."""
    if isinstance(step, Train):
        found = _ingredient_families(step)
        return "distill" if "distill" in found else found[0] if found else "train"
    return _room(step)


def families(steps: Sequence[Any]) -> tuple[str, ...]:
    """Families in the order in which they are first applied; plain training is none of them."""
    names: list[str] = []
    for step in steps:
        names += _ingredient_families(step) if isinstance(step, Train) else [_room(step)]
    return tuple(dict.fromkeys(names))


def label(steps: Sequence[Any]) -> str:
    """A recipe in a few words: ``prune 45% → distill → int8``; trainings that follow one another are one word."""
    words: list[str] = []
    for step in steps:
        word = _word(step)
        if not words or words[-1] != word:
            words.append(word)
    return " → ".join(words) or "do nothing"


def title(step: Any) -> str:
    """A step as it would be typed, settings that are not the defaults: ``prune.Channels(keep=0.5)``."""
    name = f"{_room(step)}.{type(step).__name__}" if not isinstance(step, Train) else "Train"
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
    parts = type(thing).__module__.split(".")
    return parts[1] if parts[0] == "paredown" and len(parts) > 1 else parts[-1]


def _ingredient_families(step: Train) -> list[str]:
    return list(dict.fromkeys(_room(thing) for thing in step.using))


def _word(step: Any) -> str:
    if isinstance(step, Train):
        return "+".join(_ingredient_families(step)) or "train"
    room, kept = _room(step), _kept(step)
    if room == "quantize":
        return type(step).__name__.lower()
    name = {"prune": "prune", "architecture": type(step).__name__.lower()}.get(room, type(step).__name__)
    if room == "architecture" and getattr(step, "width", True) is None:
        name = "shallow"
    if type(getattr(step, "importance", None)).__name__ == "Random":
        name = f"random {name}"
    elif type(getattr(step, "allocation", None)).__name__ == "Uniform":
        name = f"uniform {name}"
    return f"{name} {kept}".strip()


def _kept(step: Any) -> str:
    """What a cut keeps, ``45%`` of the multiplications, ``×0.7`` of every width."""
    macs = getattr(getattr(step, "allocation", None), "macs", None) or getattr(step, "macs", None)
    if isinstance(macs, (int, float)):
        return f"{100 * macs:.0f}%"
    keep = getattr(step, "keep", None)
    return f"×{keep:.2g}" if isinstance(keep, float) else ""
