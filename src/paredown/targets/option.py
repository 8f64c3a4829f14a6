"""Settings of a target that can be typed on the command line."""

import dataclasses
import typing
from typing import Any

__all__ = ["Option", "of", "option"]

_KEY = "option"


@dataclasses.dataclass(frozen=True)
class Option:
    """One setting as the command line offers it.

    Attributes:
        name: of the dataclass field; ``weight_bits`` is typed ``--weight-bits``.
        kind: type of the value, ``int`` for example; a ``bool`` is a switch.
        help: a sentence.
        least: smallest number; None where there is none.
        most: largest number; likewise.

    """

    name: str
    kind: type
    help: str
    least: int | None = None
    most: int | None = None


def option(default: Any, words: str, *, least: int | None = None, most: int | None = None) -> Any:
    """A field of a target that is offered on the command line too.

    Args:
        default: of the field.
        words: what it does, a sentence.
        least: smallest number that can be typed.
        most: largest number that can be typed.

    """
    return dataclasses.field(default=default, metadata={_KEY: (words, least, most)})


def of(kind: type) -> tuple[Option, ...]:
    """The options of a target's class, in the order of its fields."""
    hints = typing.get_type_hints(kind)
    offered = [(field.name, field.metadata[_KEY]) for field in dataclasses.fields(kind) if _KEY in field.metadata]
    return tuple(Option(name, _plain(hints[name]), words, least, most) for name, (words, least, most) in offered)


def _plain(hint: Any) -> type:
    """The type of a value that is given: ``int`` of ``int | None``."""
    kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
    plain: type = kinds[0] if kinds else hint
    return plain
