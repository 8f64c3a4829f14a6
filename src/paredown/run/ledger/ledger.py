"""Everything a run decided, made and measured."""

import contextlib
import dataclasses
import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from paredown.codec import JSON, decode, encode
from paredown.data.openings import Openings
from paredown.errors import CorruptError, LedgerError
from paredown.run.ledger import diary, schema
from paredown.run.ledger.blobs import Blobs
from paredown.run.ledger.database import connect
from paredown.run.ledger.diary import Event, Note
from paredown.run.ledger.late import Late
from paredown.run.ledger.lock import DirectoryLock
from paredown.run.ledger.schema import Table
from paredown.run.ledger.trouble import explained
from paredown.trust import refuse_links

__all__ = ["Ledger", "TrialRecord"]

_FILES = ("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "ledger.sqlite-journal", "lock", "owner.json")
_FOLDERS = ("blobs", "aside")


@dataclasses.dataclass(frozen=True)
class TrialRecord:
    """One trial as the ledger knows it.

    Attributes:
        id: fingerprint of what was asked for.
        number: order of being started, from 0.
        role: ``original``, ``control``, ``arm`` or ``trial``.
        label: short name for people.
        recipe: the steps, encoded.
        state: ``running``, ``measured``, ``failed`` or ``interrupted``.
        result: what came out; None unless measured.
        failure: the reason, where it failed.
        seconds: what it took.
        blobs: names of the files it needs.

    """

    id: str
    number: int
    role: str
    label: str
    recipe: JSON
    state: str
    result: Any = None
    failure: str = ""
    seconds: float = 0.0
    blobs: tuple[str, ...] = ()


class Ledger:
    """The run directory: ``ledger.sqlite``, ``blobs/``, a lock.

    Every write is one transaction, synced before the call returns; a row that names a file is written after the file.
    So a process may be killed at any moment and the directory stays consistent.

    Args:
        directory: made where it does not exist.
        writable: take the lock and allow writing; a report reads without.
        openings: the per-user list of openings of judge data.

    Raises:
        LockedError: another process works here.
        TrustError: a link lies where the run's own files and folders belong.
        LedgerError: the directory cannot be used, or holds no run (when only reading).
        CorruptError: the database is damaged.

    """

    def __init__(self, directory: str | Path, *, writable: bool = True, openings: Openings | None = None) -> None:
        self.directory = Path(directory)
        self.file = self.directory / "ledger.sqlite"
        self.blobs = Blobs(self.directory)
        self._users = openings or Openings()
        self._lock = DirectoryLock(self.directory) if writable else None
        if not writable and not self.file.exists():
            msg = f"{self.directory} holds no run (no ledger.sqlite in it). Name the directory given as --out."
            raise LedgerError(msg)
        with explained(self.directory):
            self.directory.mkdir(parents=True, exist_ok=True)
            refuse_links(self.directory, _FILES, _FOLDERS)
        if self._lock:
            self._lock.acquire()
        try:
            self._connection = self._connect(writable=writable)
            if writable:
                self.blobs.clear_aside()
        except BaseException:
            if self._lock:
                self._lock.release()
            raise

    def _connect(self, *, writable: bool) -> sqlite3.Connection:
        with explained(self.directory, self.file):
            return connect(self.file, writable=writable)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database and give the lock back."""
        self._connection.close()
        if self._lock:
            self._lock.release()

    def _run(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with explained(self.directory, self.file):
            return self._connection.execute(sql, values).fetchall()

    def _rows(self, table: Table, where: str = "", *values: object) -> list[tuple[Any, ...]]:
        """Rows of a table, without their checksums: those were checked when the ledger was opened."""
        return self._run(f"SELECT {', '.join(table.columns)} FROM {table.name} {where}", *values)  # noqa: S608 (our own names)

    def _write(self, table: Table, *row: object, instead: str = "REPLACE") -> None:
        """Write a row and its checksum."""
        marks = ", ".join("?" * (len(row) + 1))
        columns = ", ".join((*table.columns, schema.CHECKSUM))
        into = f"INSERT OR {instead} INTO {table.name} ({columns})"
        self._run(f"{into} VALUES ({marks})", *row, schema.seal(row))

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Several writes, all or none."""
        self._run("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._run("COMMIT")

    # -- values under names, see `paredown.run.ledger.entries`

    def value(self, table: Table, name: str) -> Any:
        """What is kept under a name in a table of named values; None where nothing is."""
        rows = self._rows(table, "WHERE name = ?", name)
        return _load(rows[0][1]) if rows else None

    def put(self, table: Table, name: str, value: Any) -> None:
        """Keep a value (anything `paredown.codec` encodes) under a name, replacing what was there."""
        dated = (time.time(),) if table is schema.MEASUREMENTS else ()
        self._write(table, name, _dump(value), *dated)

    def encoded(self, table: Table, name: str) -> JSON:
        """What is kept under a name, as `paredown.codec` encoded it; None where nothing is."""
        rows = self._rows(table, "WHERE name = ?", name)
        return _parsed(rows[0][1]) if rows else None

    # -- trials

    def start(self, trial: str, role: str, label: str, recipe: JSON) -> TrialRecord:
        """Record that a trial begins; one that was begun before keeps its number."""
        known = self.trial(trial)
        number = known.number if known else int(self._run("SELECT count(*) FROM trials")[0][0])
        return self._keep(TrialRecord(trial, number, role, label, recipe, "running"))

    def finish(self, trial: str, result: Any, seconds: float, blobs: Sequence[str] = ()) -> None:
        """Record the result of a trial; its files must be stored already."""
        self._change(trial, state="measured", result=result, failure="", seconds=seconds, blobs=tuple(blobs))

    def fail(self, trial: str, reason: str, seconds: float, state: str = "failed") -> None:
        """Record why a trial has no result."""
        self._change(trial, state=state, failure=reason, seconds=seconds)

    def _change(self, trial: str, **fields: Any) -> None:
        known = self.trial(trial)
        if known is None:
            msg = f"{self.file} holds no trial {trial}. Start it before it is finished."
            raise LedgerError(msg)
        self._keep(dataclasses.replace(known, **fields))

    def _keep(self, record: TrialRecord) -> TrialRecord:
        recipe, blobs = json.dumps(record.recipe, sort_keys=True), json.dumps(list(record.blobs))
        result = None if record.result is None else _dump(record.result)
        self._write(
            schema.TRIALS, record.id, record.number, record.role, record.label, recipe, record.state, result,
            record.failure, float(record.seconds), blobs,
        )  # fmt: skip
        return record

    def forget(self, trial: str) -> None:
        """Drop what was measured of a trial's file, for that file is gone."""
        self._run("DELETE FROM measurements WHERE name LIKE '%/' || ?", trial)

    def trial(self, trial: str) -> TrialRecord | None:
        """One trial, or None."""
        return next(iter(self._trials("WHERE id = ?", trial)), None)

    def trials(self) -> tuple[TrialRecord, ...]:
        """Every trial, in the order of being started."""
        return self._trials("")

    def _trials(self, where: str, *values: object) -> tuple[TrialRecord, ...]:
        return tuple(
            TrialRecord(
                id=row[0],
                number=row[1],
                role=row[2],
                label=row[3],
                recipe=_parsed(row[4]),
                state=row[5],
                result=_result(row[6]) if row[6] else None,
                failure=row[7],
                seconds=row[8],
                blobs=tuple(_parsed(row[9])),
            )
            for row in self._rows(schema.TRIALS, f"{where} ORDER BY number", *values)
        )

    # -- steps (see `paredown.trial.steps`), openings, events

    def step(self, key: str) -> tuple[str, Any] | None:
        """Blob name and record of a step's network, or None."""
        rows = self._rows(schema.STEPS, "WHERE key = ?", key)
        return (rows[0][1], _load(rows[0][2])) if rows else None

    def add_step(self, key: str, blob: str, record: Any) -> None:
        """Record the network that a step left; its file must be stored already."""
        self._write(schema.STEPS, key, blob, _dump(record))

    def steps(self) -> int:
        """How many networks are stored."""
        return int(self._run("SELECT count(*) FROM steps")[0][0])

    def open_judge(self, data: str, opening: str) -> None:
        """Record, before it happens, that judge data are opened.

        Args:
            data: fingerprint of the judge data.
            opening: identity of the opening; repeating it (after a crash) does not count twice.

        """
        self._write(schema.OPENINGS, opening, data, time.time(), instead="IGNORE")
        if not self._users.add(data, opening, self.directory.absolute()):
            self.event(Note(f"{self._users.file} cannot be written: openings are counted in this run only"))

    def openings(self, data: str | None = None) -> int:
        """How often judge data have been opened: by all runs of this user where known, else by this run.

        Args:
            data: fingerprint of the judge data; None counts this run's own openings of any data.

        """
        if data is None:
            return int(self._run("SELECT count(*) FROM openings")[0][0])
        own = int(self._run("SELECT count(*) FROM openings WHERE data = ?", data)[0][0])
        return max(own, self._users.count(data))

    def event(self, event: Event) -> None:
        """Add an event to the diary."""
        number = int(self._run("SELECT coalesce(max(id), 0) + 1 FROM events")[0][0])
        kind, content = diary.stored(event)
        self._write(schema.EVENTS, number, time.time(), kind, json.dumps(content))

    def events(self) -> tuple[Event, ...]:
        """The diary, oldest first."""
        return tuple(
            diary.read(kind, text if kind in diary.SENTENCES else _parsed(text))
            for _, _, kind, text in self._rows(schema.EVENTS, "ORDER BY id")
        )


def _dump(value: Any) -> str:
    return json.dumps(encode(value), allow_nan=False)


def _load(text: str) -> Any:
    return decode(_parsed(text))


def _result(text: str) -> Any:
    """A trial's result; the plans in it are read when they are looked at."""
    stored = _parsed(text)
    match stored:
        case {"steps": {"tuple": list(steps)}}:
            for step in steps:
                _put_off(step)
    return decode(stored)


def _put_off(step: JSON) -> None:
    match step:
        case {"plan": {"dict": dict(plan)}} if plan:
            step["plan"] = Late(step["plan"])


def _parsed(text: str) -> JSON:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"The ledger holds something that is no JSON ({error}). Restore it from a copy, or start anew."
        raise CorruptError(msg) from error
