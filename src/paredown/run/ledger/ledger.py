"""Everything a run decided, made and measured."""

import contextlib
import dataclasses
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from paredown.codec import JSON, decode, encode
from paredown.data.openings import Openings
from paredown.errors import LedgerError
from paredown.run.ledger.blobs import Blobs
from paredown.run.ledger.database import connect
from paredown.run.ledger.lock import DirectoryLock
from paredown.run.ledger.trouble import explained
from paredown.trust import refuse_links

__all__ = ["Ledger", "TrialRecord"]

T = TypeVar("T")

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

    # -- settings of the run, and decisions that a resumed run must repeat

    def set(self, name: str, value: Any) -> None:
        """Store a setting (anything `paredown.codec` encodes), replacing what was there."""
        self._run("INSERT OR REPLACE INTO settings VALUES (?, ?)", name, _dump(value))

    def get(self, name: str, default: Any = None) -> Any:
        """A setting, or `default`."""
        rows = self._run("SELECT value FROM settings WHERE name = ?", name)
        return _load(rows[0][0]) if rows else default

    def decide(self, name: str, compute: Callable[[], T]) -> T:
        """What was decided under this name; computed and stored the first time only.

        Whatever depends on a clock goes through here, so that a resumed run repeats its own decisions.
        """
        rows = self._run("SELECT value FROM decisions WHERE name = ?", name)
        if rows:
            return _load(rows[0][0])  # type: ignore[no-any-return]
        value = compute()
        self._run("INSERT INTO decisions VALUES (?, ?)", name, _dump(value))
        return value

    def decided(self, name: str) -> Any:
        """What was decided under a name, or None."""
        rows = self._run("SELECT value FROM decisions WHERE name = ?", name)
        return _load(rows[0][0]) if rows else None

    # -- trials

    def start(self, trial: str, role: str, label: str, recipe: JSON) -> TrialRecord:
        """Record that a trial begins; one that was begun before keeps its number."""
        known = self.trial(trial)
        number = known.number if known else int(self._run("SELECT count(*) FROM trials")[0][0])
        text = json.dumps(recipe, sort_keys=True)
        self._run(
            "INSERT OR REPLACE INTO trials (id, number, role, label, recipe, state) VALUES (?, ?, ?, ?, ?, 'running')",
            trial, number, role, label, text,
        )  # fmt: skip
        return TrialRecord(trial, number, role, label, recipe, "running")

    def finish(self, trial: str, result: Any, seconds: float, blobs: Sequence[str] = ()) -> None:
        """Record the result of a trial; its files must be stored already."""
        self._run(
            "UPDATE trials SET state = 'measured', result = ?, failure = '', seconds = ?, blobs = ? WHERE id = ?",
            _dump(result), seconds, json.dumps(list(blobs)), trial,
        )  # fmt: skip

    def fail(self, trial: str, reason: str, seconds: float, state: str = "failed") -> None:
        """Record why a trial has no result."""
        self._run("UPDATE trials SET state = ?, failure = ?, seconds = ? WHERE id = ?", state, reason, seconds, trial)

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
        columns = "id, number, role, label, recipe, state, result, failure, seconds, blobs"
        rows = self._run(f"SELECT {columns} FROM trials {where} ORDER BY number", *values)  # noqa: S608 (no user text)
        return tuple(
            TrialRecord(
                id=row[0],
                number=row[1],
                role=row[2],
                label=row[3],
                recipe=json.loads(row[4]),
                state=row[5],
                result=_load(row[6]) if row[6] else None,
                failure=row[7],
                seconds=row[8],
                blobs=tuple(json.loads(row[9])),
            )
            for row in rows
        )

    # -- steps (see `Steps`), measurements, openings, events

    def step(self, key: str) -> tuple[str, Any] | None:
        """Blob name and record of a step's network, or None."""
        rows = self._run("SELECT blob, record FROM steps WHERE key = ?", key)
        return (rows[0][0], _load(rows[0][1])) if rows else None

    def add_step(self, key: str, blob: str, record: Any) -> None:
        """Record the network that a step left; its file must be stored already."""
        self._run("INSERT OR REPLACE INTO steps VALUES (?, ?, ?)", key, blob, _dump(record))

    def steps(self) -> int:
        """How many networks are stored."""
        return int(self._run("SELECT count(*) FROM steps")[0][0])

    def measured(self, name: str, value: Any) -> None:
        """Store a measurement under a name of the caller's."""
        self._run("INSERT OR REPLACE INTO measurements VALUES (?, ?, ?)", name, _dump(value), time.time())

    def measurement(self, name: str) -> Any:
        """A measurement, or None."""
        rows = self._run("SELECT value FROM measurements WHERE name = ?", name)
        return _load(rows[0][0]) if rows else None

    def open_judge(self, data: str, opening: str) -> None:
        """Record, before it happens, that judge data are opened.

        Args:
            data: fingerprint of the judge data.
            opening: identity of the opening; repeating it (after a crash) does not count twice.

        """
        self._run("INSERT OR IGNORE INTO openings VALUES (?, ?, ?)", opening, data, time.time())
        if not self._users.add(data, opening, self.directory.absolute()):
            self.event("warning", f"{self._users.file} cannot be written: openings are counted in this run only")

    def openings(self, data: str | None = None) -> int:
        """How often judge data have been opened: by all runs of this user where known, else by this run.

        Args:
            data: fingerprint of the judge data; None counts this run's own openings of any data.

        """
        if data is None:
            return int(self._run("SELECT count(*) FROM openings")[0][0])
        own = int(self._run("SELECT count(*) FROM openings WHERE data = ?", data)[0][0])
        return max(own, self._users.count(data))

    def event(self, kind: str, text: str) -> None:
        """Add a line to the diary."""
        self._run("INSERT INTO events (time, kind, text) VALUES (?, ?, ?)", time.time(), kind, text)

    def events(self, kind: str | None = None) -> tuple[tuple[float, str, str], ...]:
        """Diary lines: seconds since 1970, kind, text."""
        rows = self._run("SELECT time, kind, text FROM events ORDER BY id")
        return tuple((row[0], row[1], row[2]) for row in rows if kind is None or row[1] == kind)


def _dump(value: Any) -> str:
    return json.dumps(encode(value), allow_nan=False)


def _load(text: str) -> Any:
    return decode(json.loads(text))
