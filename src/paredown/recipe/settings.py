"""Refusing settings out of range."""

import math
import numbers
import reprlib
from collections.abc import Callable, Iterable
from typing import Any

from paredown.errors import RecipeError
from paredown.recipe.ingredient import label

__all__ = ["above_zero", "at_least_zero", "flags", "objection", "part", "require", "several", "share", "whole"]

_LONGEST = 80  # characters of a value in a message


def require(holds: Callable[[Any], object], settings: Any, name: str, what: str, instead: str = "") -> None:
    """Refuse a setting for what `objection` has against it.

    Raises:
        RecipeError: it is out of range.

    """
    msg = objection(holds, settings, name, what, instead)
    if msg:
        raise RecipeError(msg)


def objection(holds: Callable[[Any], object], settings: Any, name: str, what: str, instead: str = "") -> str:
    """What there is to say against a setting: what was given, what holds, what to type; empty where it is in range.

    Args:
        holds: what is true of a value in range; a value that it cannot even look at, such as a word where a number
            belongs, is out of range.
        settings: the dataclass it belongs to.
        name: of the setting.
        what: the range in words: ``a distance above 0``.
        instead: what to do, as a sentence; to write the default where it is left out.

    """
    value = getattr(settings, name)
    try:
        within = bool(holds(value))
    except (TypeError, ValueError, RuntimeError, AttributeError):  # arrays and tensors have no one truth value
        within = False
    if within:
        return ""
    who = label(settings).removeprefix("recipe.")
    instead = instead or f"Write `{who}({name}={settings.__dataclass_fields__[name].default!r})`."
    return f"{who}({name}={_shown(value)}) was given. It is {what}. {instead}"


def above_zero(settings: Any, *names: str, what: str = "a finite number above 0") -> None:
    """Refuse settings that are not finite numbers above 0.

    Raises:
        RecipeError: one is not.

    """
    for name in names:
        require(lambda value: 0 < value < math.inf, settings, name, what)


def at_least_zero(settings: Any, *names: str, what: str = "a finite number, 0 or more") -> None:
    """Refuse settings that are not finite numbers of 0 or more.

    Raises:
        RecipeError: one is not.

    """
    for name in names:
        require(lambda value: 0 <= value < math.inf, settings, name, what)


def share(settings: Any, *names: str, what: str = "a share above 0 and below 1") -> None:
    """Refuse settings that are not above 0 and below 1.

    Raises:
        RecipeError: one is not.

    """
    for name in names:
        require(lambda value: 0 < value < 1, settings, name, what)


def part(settings: Any, *names: str, what: str = "a share above 0 and up to 1", instead: str = "") -> None:
    """Refuse settings that are not above 0 and at most 1.

    Raises:
        RecipeError: one is not.

    """
    for name in names:
        require(lambda value: 0 < value <= 1, settings, name, what, instead)


def whole(settings: Any, *names: str, least: int = 1, what: str = "", instead: str = "") -> None:
    """Refuse settings that are not whole numbers of `least` or more.

    Raises:
        RecipeError: one is not.

    """
    what = what or f"a whole number, {least} or more"
    for name in names:
        require(
            lambda value: isinstance(value, numbers.Integral) and int(value) >= least, settings, name, what, instead
        )


def flags(settings: Any, *names: str) -> None:
    """Refuse settings that are neither True nor False.

    Raises:
        RecipeError: one is something else, such as a word, which Python would take for true.

    """
    for name in names:
        require(lambda value: value in {True, False}, settings, name, "True or False")


def several(settings: Any, *names: str) -> None:
    """Make settings that name places in a network, by one path or several, tuples of paths.

    Raises:
        RecipeError: one holds something that is no text.

    """
    what = "the path of a module, a glob of paths, or several in a tuple"
    for name in names:
        value = getattr(settings, name)
        if isinstance(value, Iterable):
            object.__setattr__(settings, name, (value,) if isinstance(value, str) else tuple(value))
        instead = f"Write `{label(settings)}({name}='layer3')`."
        require(lambda found: all(isinstance(path, str) for path in found), settings, name, what, instead)


def _shown(value: Any) -> str:
    """A value in a message: what is long, such as a tensor or a network, by its beginning and end."""
    text = repr(value)
    if len(text) <= _LONGEST and "\n" not in text:
        return text
    short = reprlib.Repr()
    short.maxother = _LONGEST
    return " ".join(short.repr(value).split())
