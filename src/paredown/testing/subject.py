"""What is being checked, and the task it is checked on."""

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any, Generic, TypeVar

from paredown.recipe.title import title
from paredown.testing.bench import Bench
from paredown.testing.check import Check, require

__all__ = ["Subject", "checks"]

Thing = TypeVar("Thing")
_Made = TypeVar("_Made")


class Subject(Generic[Thing]):
    """A technique or target under check; whatever several checks look at is made once.

    Args:
        thing: the settings to check.
        make: makes the task to check on; called when a check first needs it.

    """

    def __init__(self, thing: Thing, make: Callable[[], Bench]) -> None:
        self.thing = thing
        self.name = title(thing)
        self._make = make
        self._made: dict[str, Any] = {}

    @cached_property
    def bench(self) -> Bench:
        """The task to check on."""
        return self._make()

    def once(self, what: str, make: Callable[[], _Made]) -> _Made:
        """What was made under this name; made now where it was not."""
        if what not in self._made:
            self._made[what] = make()
        made: _Made = self._made[what]
        return made

    def require(self, condition: object, message: str) -> None:
        """Raise `AssertionError` with the message, and what it is about, unless the condition holds."""
        require(condition, f"{self.name}: {message}")


def checks(subject: Subject[Thing], table: Mapping[str, Callable[[Subject[Thing]], None]]) -> tuple[Check, ...]:
    """Every promise of a table as a named call on one subject."""
    return tuple(Check(name, partial(run, subject)) for name, run in table.items())
