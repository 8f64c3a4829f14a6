"""Checks of settings."""

import math
from typing import Any

from paredown.errors import RecipeError
from paredown.recipe.ingredient import label

__all__ = ["above_zero", "at_least_zero", "share"]


def above_zero(settings: Any, *names: str) -> None:
    """Refuse settings that are not finite numbers above 0.

    Raises:
        RecipeError: one is not.

    """
    for name in names:
        if not (getattr(settings, name) > 0 and math.isfinite(getattr(settings, name))):
            raise RecipeError(_message(settings, name, "a finite number above 0"))


def at_least_zero(settings: Any, *names: str) -> None:
    """Refuse settings that are not finite numbers of 0 or more.

    Raises:
        RecipeError: one is not.

    """
    for name in names:
        if not (getattr(settings, name) >= 0 and math.isfinite(getattr(settings, name))):
            raise RecipeError(_message(settings, name, "a finite number, 0 or more"))


def share(settings: Any, name: str) -> None:
    """Refuse a share that is not above 0 and below 1.

    Raises:
        RecipeError: it is not.

    """
    if not 0 < getattr(settings, name) < 1:
        raise RecipeError(_message(settings, name, "a share, above 0 and below 1"))


def _message(settings: Any, name: str, what: str) -> str:
    who = label(settings)
    usual = type(settings).__dataclass_fields__[name].default
    return f"{who}({name}={getattr(settings, name)}) was given. It is {what}. Write `{who}({name}={usual})`."
