"""Refusing settings out of range."""

import math
from typing import Any

from paredown.errors import RecipeError
from paredown.recipe.ingredient import label

__all__ = ["above_zero", "at_least_zero", "require", "share"]


def require(holds: bool, settings: Any, name: str, what: str, instead: str = "") -> None:  # noqa: FBT001
    """Refuse a setting.

    Args:
        holds: whether it is in range.
        settings: the dataclass it belongs to.
        name: of the setting.
        what: the range in words: ``a distance above 0``.
        instead: what to do, as a sentence; to write the default where it is left out.

    Raises:
        RecipeError: it is out of range.

    """
    if not holds:
        who = label(settings)
        instead = instead or f"Write `{who}({name}={settings.__dataclass_fields__[name].default!r})`."
        msg = f"{who}({name}={getattr(settings, name)!r}) was given. It is {what}. {instead}"
        raise RecipeError(msg)


def above_zero(settings: Any, *names: str, what: str = "a finite number above 0") -> None:
    """Refuse settings that are not finite numbers above 0.

    Raises:
        RecipeError: one is not.

    """
    for name in names:
        require(0 < getattr(settings, name) < math.inf, settings, name, what)


def at_least_zero(settings: Any, *names: str, what: str = "a finite number, 0 or more") -> None:
    """Refuse settings that are not finite numbers of 0 or more.

    Raises:
        RecipeError: one is not.

    """
    for name in names:
        require(0 <= getattr(settings, name) < math.inf, settings, name, what)


def share(settings: Any, *names: str, what: str = "a share above 0 and below 1") -> None:
    """Refuse settings that are not above 0 and below 1.

    Raises:
        RecipeError: one is not.

    """
    for name in names:
        require(0 < getattr(settings, name) < 1, settings, name, what)
