"""What a ledger keeps under a name, each of one type: whoever reads it knows what comes back, and so does mypy.

An entry is declared once, beside the type it keeps, and asks a ledger for its value::

    VERDICT = Measurement("verdict", Verdict)
    VERDICT.write(ledger, verdict)
    VERDICT.read(ledger)  # a Verdict, or None

Settings are replaced by each write. A decision is taken once: a resumed run repeats its own. Measurements are dated.
"""

import dataclasses
from collections.abc import Callable
from typing import ClassVar, Generic, Self, TypeVar, cast

from paredown.errors import CorruptError, LedgerError
from paredown.run.ledger import schema
from paredown.run.ledger.ledger import Ledger

__all__ = ["Decision", "Measurement", "Setting"]

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class _Entry(Generic[T]):
    """A name and the type of what is kept under it.

    Attributes:
        name: unique among the entries of its kind.
        type: of the value; what is read is checked against it.

    """

    name: str
    type: type[T] | tuple[type, ...]

    _table: ClassVar[schema.Table]

    def of(self, *parts: object) -> Self:
        """The same entry for one thing of many: ``FINAL.of(trial.id)`` is kept under ``final/<id>``."""
        return dataclasses.replace(self, name="/".join([self.name, *map(str, parts)]))

    def read(self, ledger: Ledger) -> T | None:
        """The value, or None where there is none yet.

        Raises:
            CorruptError: the ledger was changed after it was written.

        """
        value = ledger.value(self._table, self.name)
        if value is None or isinstance(value, self.type):
            return cast("T | None", value)
        wanted = self.type if isinstance(self.type, tuple) else (self.type,)
        msg = (
            f"{ledger.file} holds a value of type {type(value).__name__} as {self.name!r}, where "
            f"{' or '.join(kind.__name__ for kind in wanted)} belongs. It was changed after it was written. "
            "Restore it from a copy, or start anew in another directory: --out runs/other."
        )
        raise CorruptError(msg)

    def needed(self, ledger: Ledger) -> T:
        """The value.

        Raises:
            LedgerError: there is none yet.
            CorruptError: the ledger was changed after it was written.

        """
        value = self.read(ledger)
        if value is None:
            msg = f"{ledger.directory} has no {self.name} yet. Finish the run first: paredown resume {ledger.directory}"
            raise LedgerError(msg)
        return value

    def _keep(self, ledger: Ledger, value: T) -> None:
        ledger.put(self._table, self.name, value)


@dataclasses.dataclass(frozen=True)
class Setting(_Entry[T]):
    """A value of the run that may change: what was asked for, how far it has come."""

    _table = schema.SETTINGS

    def write(self, ledger: Ledger, value: T) -> None:
        """Store a value, replacing what was there."""
        self._keep(ledger, value)


@dataclasses.dataclass(frozen=True)
class Decision(_Entry[T]):
    """What was decided, once. Whatever depends on a clock goes through here, so that a resumed run repeats it."""

    _table = schema.DECISIONS

    def once(self, ledger: Ledger, compute: Callable[[], T]) -> T:
        """What was decided; computed and stored the first time only.

        Raises:
            CorruptError: the ledger was changed after it was written.

        """
        known = self.read(ledger)
        if known is None:
            known = compute()
            self._keep(ledger, known)
        return known


@dataclasses.dataclass(frozen=True)
class Measurement(_Entry[T]):
    """What was measured, or follows from what was measured; dated."""

    _table = schema.MEASUREMENTS

    def write(self, ledger: Ledger, value: T) -> None:
        """Store a measurement, replacing what was there."""
        self._keep(ledger, value)
