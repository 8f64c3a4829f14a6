"""What guided strategies have in common: they start from what the space gives."""

from collections.abc import Sequence
from typing import TypeVar

from paredown.recipe.strategy import Answer, SearchSpace

__all__ = ["split"]

C = TypeVar("C")


def split(space: SearchSpace[C], history: Sequence[Answer[C]]) -> tuple[list[Answer[C]], list[Answer[C]]]:
    """The answers to what the space gives, those within the limits and best first, and all answers after them."""
    count = len(space.given(history))
    start = [answer for answer in history[:count] if answer.feasible and not answer.repeated]
    return sorted(start, key=lambda answer: answer.rank), list(history[count:])
