"""Refusing settings out of range."""

from paredown.errors import RecipeError
from paredown.recipe.ingredient import label

__all__ = ["require"]


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
