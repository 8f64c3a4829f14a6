"""Lines of a run's diary, as data: what happened, not a sentence about it that somebody would have to parse."""

import dataclasses
from collections.abc import Mapping

from paredown import codec
from paredown.codec import JSON
from paredown.errors import CorruptError

__all__ = ["SENTENCES", "Ended", "Event", "Filtered", "Note", "Skipped", "Traceback", "Unmade", "read", "stored"]


@dataclasses.dataclass(frozen=True)
class Event:
    """Base of everything that a diary holds. Subclasses are final frozen dataclasses."""


@dataclasses.dataclass(frozen=True)
class Note(Event):
    """Something a reader of the report should know.

    Attributes:
        text: a sentence.

    """

    text: str


@dataclasses.dataclass(frozen=True)
class Skipped(Event):
    """Something that was planned and not carried out.

    Attributes:
        name: of the arm or control, or which proposal, rung or extra training.
        reason: why not.
        named: it is an arm or a control, which every run promises; a reader is told.

    """

    name: str
    reason: str
    named: bool = True


@dataclasses.dataclass(frozen=True)
class Filtered(Event):
    """A proposal that misses a limit on cost before any training.

    Attributes:
        proposal: its number.
        over: for each limit by how much it is missed, as a share of it.

    """

    proposal: int
    over: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Unmade(Event):
    """An untrained network that could not be made or lowered.

    Attributes:
        recipe: its steps in a few words.
        reason: why not.

    """

    recipe: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Traceback(Event):
    """Where an error came from that nobody raised on purpose.

    Attributes:
        text: as Python prints it.

    """

    text: str


@dataclasses.dataclass(frozen=True)
class Ended(Event):
    """A process that stopped before the run was finished.

    Attributes:
        error: type and message.

    """

    error: str


_STRUCTURED = "event"

SENTENCES = frozenset({"warning", "skipped", "filtered", "shape", "ended", "traceback"})
"""Kinds of version 1, whose content is a sentence."""


def stored(event: Event) -> tuple[str, JSON]:
    """Kind and content of a row of the diary."""
    return _STRUCTURED, codec.encode(event)


def read(kind: str, content: JSON) -> Event:
    """The event of a row; ledgers of version 1 hold sentences, whose kind says what they are about.

    Raises:
        CorruptError: it is no event.

    """
    if kind == _STRUCTURED:
        event: object = codec.decode(content)
        if not isinstance(event, Event):
            msg = (
                f"The diary of the run holds a {type(event).__name__}, which is no event. Restore the run from a copy."
            )
            raise CorruptError(msg)
        return event
    text = str(content)
    name, _, reason = text.partition(": ")
    match kind:
        case "skipped":
            return Skipped(name, reason, named=not name.startswith(("proposal", "rung", "extra")))
        case "shape":
            return Unmade(name, reason)
        case "ended":
            return Ended(text)
        case "traceback":
            return Traceback(text)
        case _:
            return Note(text)
