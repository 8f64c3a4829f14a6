"""Steps as words: ``prune:keep=0.5 train:epochs=3+distill:temperature=4+mixup int8``.

A step is ``NAME``, or ``NAME:SETTING=VALUE,SETTING=VALUE``. ``NAME`` is a technique (``int8``, ``prune.channels``) or a
family, which stands for its usual technique. What follows a ``+`` is an ingredient of the training before it. Values are
numbers, ``true``, ``false``, ``none``, or words: another technique of the family (``importance=taylor``).
"""

import ast
import dataclasses
from types import MappingProxyType
from typing import Any

from paredown.cli import named
from paredown.errors import RecipeError

__all__ = ["USUAL", "arm", "recipe", "step"]

# What a family's own name stands for.
USUAL = MappingProxyType(
    {"prune": "Channels", "quantize": "Int8", "distill": "Logits", "regularize": "Mixup", "architecture": "Slim"}
)


def recipe(words: list[str]) -> tuple[Any, ...]:
    """Steps in their order.

    Raises:
        RecipeError: an unknown technique, setting or value; the nearest names are listed.

    """
    return tuple(step(word) for word in words)


def arm(word: str) -> Any:
    """One arm of a comparison: a family's module for its name, else a recipe, its steps parted by blanks."""
    if word in named.FAMILIES:
        return named.family(word)
    return recipe(word.split())


def step(word: str) -> Any:
    """One step of a recipe."""
    from paredown.recipe import Train, Transform  # noqa: PLC0415 (torch is heavy)

    head, *rest = word.split("+")
    kind, home = _find(head.partition(":")[0], word)
    if kind is Train:
        using = tuple(_ingredient(part, word) for part in rest)
        settings = _settings(head, "recipe", Train, word)
        return named.build(Train, {**settings, "using": using}, word)
    if not issubclass(kind, Transform):
        msg = (
            f"{word!r}: {kind.__name__} is an ingredient of a training, no step of its own. "
            f"Write train:epochs=1+{head}."
        )
        raise RecipeError(msg)
    if rest:
        msg = (
            f"{word!r}: only a training has ingredients, {kind.__name__} has none. Write {head} train+{'+'.join(rest)}."
        )
        raise RecipeError(msg)
    return named.build(kind, _settings(head, home, kind, word), word)


def _ingredient(part: str, word: str) -> Any:
    from paredown.recipe import Ingredient  # noqa: PLC0415

    kind, home = _find(part.partition(":")[0], word)
    if not issubclass(kind, Ingredient):
        msg = f"{word!r}: {kind.__name__} is a step, no ingredient of a training. Write it as a step of its own."
        raise RecipeError(msg)
    return named.build(kind, _settings(part, home, kind, word), word)


def _techniques() -> dict[str, tuple[type, str]]:
    """Everything that can be a step or an ingredient, by every word that names it."""
    from paredown.recipe import Ingredient, Train, Transform  # noqa: PLC0415

    found: dict[str, tuple[type, str]] = {"train": (Train, "recipe")}
    for home in named.FAMILIES:
        kinds = named.public(home)
        for name, kind in kinds.items():
            if issubclass(kind, (Transform, Ingredient)) and kind not in (Transform, Ingredient):
                found.setdefault(_words(name), (kind, home))
                found[f"{home}.{_words(name)}"] = (kind, home)
        if USUAL[home] in kinds:
            found[home] = (kinds[USUAL[home]], home)
    return found


def _words(name: str) -> str:
    parts = [
        f"-{letter.lower()}" if i and letter.isupper() and not name[i - 1].isupper() else letter.lower()
        for i, letter in enumerate(name)
    ]
    return "".join(parts)


def _find(name: str, word: str) -> tuple[type, str]:
    techniques = _techniques()
    forms = {named.plain(key): value for key, value in techniques.items()}
    if named.plain(name) in forms:
        return forms[named.plain(name)]
    msg = f"{word!r}: there is no step {name!r}. {named.nearest(name, techniques)}"
    raise RecipeError(msg)


def _settings(part: str, home: str, kind: type, word: str) -> dict[str, Any]:
    _, _, text = part.partition(":")
    found: dict[str, Any] = {}
    for setting in filter(None, text.split(",")):
        key, equals, value = setting.partition("=")
        if not equals or not key or not value:
            known = ", ".join(field.name for field in dataclasses.fields(kind))
            msg = f"{word!r}: {setting!r} is not SETTING=VALUE. Settings of {kind.__name__} are {known}."
            raise RecipeError(msg)
        found[key] = _value(value, home, word)
    return found


def _value(text: str, home: str, word: str) -> Any:
    if text.lower() in ("none", "true", "false"):
        return {"none": None, "true": True, "false": False}[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        pass
    kinds = named.public(home)
    forms = {named.plain(key): kind for key, kind in kinds.items()}
    if named.plain(text) in forms:
        return named.build(forms[named.plain(text)], {}, word)
    close = [key for key in kinds if named.plain(key)[:2] == named.plain(text)[:2]]
    if close:
        msg = f"{word!r}: {text!r} is no number and names nothing in {home}. Did you mean {' or '.join(map(str.lower, close))}?"
        raise RecipeError(msg)
    return text
