"""Refusing settings out of range."""

import math

from paredown.errors import RecipeError
from paredown.recipe.ingredient import label

__all__ = ["positive", "require"]


def positive(settings: object, name: str, usual: object, what: str = "a number above 0") -> None:
    """Refuse a setting that is not a finite number above 0.

    Args:
        settings: the ingredient.
        name: of the setting.
        usual: a value to type.
        what: the range in words.

    Raises:
        RecipeError: it is not.

    """
    value = getattr(settings, name)
    require(value > 0 and math.isfinite(value), settings, name, what, usual)


def require(holds: bool, settings: object, name: str, what: str, usual: object) -> None:  # noqa: FBT001
    """Refuse a setting.

    Args:
        holds: whether it is in range.
        settings: the ingredient.
        name: of the setting.
        what: the range in words: ``a distance above 0``.
        usual: a value to type.

    Raises:
        RecipeError: it is out of range.

    """
    if not holds:
        who = label(settings)
        msg = f"{who}({name}={getattr(settings, name)!r}) was given. It is {what}. Write `{who}({name}={usual!r})`."
        raise RecipeError(msg)
