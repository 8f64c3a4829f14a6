"""Checks of settings."""

import math
from typing import Any

from paredown.errors import RecipeError
from paredown.recipe.ingredient import label

__all__ = ["above_zero", "at_least_zero", "batch_size", "share"]


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


def batch_size(settings: Any, least: int, why: str = "") -> None:
    """Refuse a batch size that is neither None nor `least` or more.

    Raises:
        RecipeError: it is not.

    """
    size = settings.batch_size
    if size is not None and size < least:
        msg = (
            f"{label(settings)}(batch_size={size}) was given. It is {least} or more{why}. "
            "Leave it out for as many as the training's batch has."
        )
        raise RecipeError(msg)


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
