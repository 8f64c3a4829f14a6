"""Tables of a ledger and their version."""

import contextlib
import dataclasses
import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from paredown.errors import CorruptError, LedgerError

__all__ = [
    "CHECKSUM",
    "DECISIONS",
    "EVENTS",
    "MEASUREMENTS",
    "OPENINGS",
    "SETTINGS",
    "STEPS",
    "TABLES",
    "TRIALS",
    "VERSION",
    "Table",
    "prepare",
    "seal",
]

VERSION = 2
"""What is written. Rows carry checksums since version 2."""

CHECKSUM = "checksum"


@dataclasses.dataclass(frozen=True)
class Table:
    """A table: its name and its columns with their types, the key first."""

    name: str
    fields: Mapping[str, str]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, without the checksum."""
        return tuple(self.fields)

    @property
    def definition(self) -> str:
        """As SQL."""
        fields = {**self.fields, CHECKSUM: "TEXT NOT NULL"}
        return f"CREATE TABLE {self.name} ({', '.join(f'{name} {kind}' for name, kind in fields.items())});"

    @property
    def select(self) -> str:
        """All columns and the checksum, as SQL."""
        return f"SELECT {', '.join((*self.columns, CHECKSUM))} FROM {self.name}"  # noqa: S608 (our own names)


_VALUE = {"name": "TEXT PRIMARY KEY", "value": "TEXT NOT NULL"}

SETTINGS = Table("settings", _VALUE)
DECISIONS = Table("decisions", _VALUE)
MEASUREMENTS = Table("measurements", {**_VALUE, "time": "REAL NOT NULL"})
TRIALS = Table(
    "trials",
    {
        "id": "TEXT PRIMARY KEY",
        "number": "INTEGER NOT NULL",
        "role": "TEXT NOT NULL",
        "label": "TEXT NOT NULL",
        "recipe": "TEXT NOT NULL",
        "state": "TEXT NOT NULL",
        "result": "TEXT",
        "failure": "TEXT NOT NULL",
        "seconds": "REAL NOT NULL",
        "blobs": "TEXT NOT NULL",
    },
)
STEPS = Table("steps", {"key": "TEXT PRIMARY KEY", "blob": "TEXT NOT NULL", "record": "TEXT NOT NULL"})
OPENINGS = Table("openings", {"opening": "TEXT PRIMARY KEY", "data": "TEXT NOT NULL", "time": "REAL NOT NULL"})
EVENTS = Table(
    "events",
    {"id": "INTEGER PRIMARY KEY", "time": "REAL NOT NULL", "kind": "TEXT NOT NULL", "text": "TEXT NOT NULL"},
)

TABLES = MappingProxyType(
    {table.name: table for table in (SETTINGS, DECISIONS, MEASUREMENTS, TRIALS, STEPS, OPENINGS, EVENTS)}
)


_VERSION_1 = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE decisions (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE trials (
    id TEXT PRIMARY KEY, number INTEGER NOT NULL, role TEXT NOT NULL, label TEXT NOT NULL, recipe TEXT NOT NULL,
    state TEXT NOT NULL, result TEXT, failure TEXT NOT NULL DEFAULT '', seconds REAL NOT NULL DEFAULT 0,
    blobs TEXT NOT NULL DEFAULT '[]');
CREATE TABLE steps (key TEXT PRIMARY KEY, blob TEXT NOT NULL, record TEXT NOT NULL);
CREATE TABLE measurements (name TEXT PRIMARY KEY, value TEXT NOT NULL, time REAL NOT NULL);
CREATE TABLE openings (opening TEXT PRIMARY KEY, data TEXT NOT NULL, time REAL NOT NULL);
CREATE TABLE events (id INTEGER PRIMARY KEY, time REAL NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);
"""


def seal(row: Sequence[object]) -> str:
    """Checksum of a row: SHA-256 (hex, 128 bits of it) of its values as JSON."""
    return hashlib.sha256(json.dumps(list(row), default=repr).encode()).hexdigest()[:32]


def prepare(connection: sqlite3.Connection, file: Path, *, writable: bool) -> None:
    """Check a database, or fill an empty one; a ledger of version 1 is brought up to date where it may be written.

    The tables are compared with a ledger's before SQLite is asked to check the rest, for that check runs what a schema
    may hold.

    Raises:
        CorruptError: SQLite finds the file damaged, or it holds anything but a ledger's tables.
        LedgerError: another version of Paredown wrote it.

    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    held = _schema(connection)
    if version == 0 and not held and writable:
        connection.executescript(f"BEGIN;{_made()}PRAGMA user_version={VERSION};COMMIT;")
        return
    if version not in {1, VERSION}:
        msg = (
            f"{file} is a ledger of version {version}; this Paredown reads versions 1 and {VERSION}. "
            "Read it with the Paredown that wrote it, or start anew: --out runs/other."
        )
        raise LedgerError(msg)
    _refuse_others(held, _VERSION_1 if version == 1 else _made(), file)
    verdict = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    if verdict != "ok":
        msg = f"{file} is damaged ({verdict}). Restore it from a copy, or start anew: --out runs/other."
        raise CorruptError(msg)
    if version == VERSION:
        _check(connection, file)
    elif writable:
        _update(connection)


def _made() -> str:
    """The tables of this version, as SQL."""
    return "".join(table.definition for table in TABLES.values())


def _schema(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """Kind and name of everything in a database that somebody declared, with its declaration."""
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {(str(kind), str(name)): " ".join(str(sql).split()) for kind, name, sql in rows}


def _refuse_others(held: dict[tuple[str, str], str], tables: str, file: Path) -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as pattern:
        pattern.executescript(tables)
        expected = _schema(pattern)
    if held == expected:
        return
    odd = [
        f"{kind} {name!r}"
        for kind, name in sorted(held.keys() | expected.keys())
        if _differs(held, expected, (kind, name))
    ]
    msg = (
        f"{file} does not hold the tables of a ledger (look at {', '.join(odd[:3])}), so it was not written by Paredown "
        "as it is and nothing of it is read. Take it from where the run was made, or start anew: --out runs/other."
    )
    raise CorruptError(msg)


def _differs(one: dict[tuple[str, str], str], other: dict[tuple[str, str], str], key: tuple[str, str]) -> bool:
    return one.get(key) != other.get(key)


def _check(connection: sqlite3.Connection, file: Path) -> None:
    """Hold every row against its checksum; indexes were held against their tables by SQLite itself."""
    for table in TABLES.values():
        for row in connection.execute(table.select):
            if seal(row[:-1]) != row[-1]:
                msg = (
                    f"{file} is damaged: {row[0]!r} in its {table.name} does not hold what was written. Restore it from a "
                    "copy, or start anew in another directory: --out runs/other."
                )
                raise CorruptError(msg)


def _update(connection: sqlite3.Connection) -> None:
    """Write a ledger of version 1 anew with a checksum for every row, all or none."""
    connection.execute("BEGIN IMMEDIATE")
    for table in TABLES.values():
        columns = ", ".join(table.columns)
        rows = connection.execute(f"SELECT {columns} FROM {table.name}").fetchall()  # noqa: S608 (our own names)
        connection.execute(f"DROP TABLE {table.name}")
        connection.execute(table.definition)
        marks = ", ".join("?" * (len(table.columns) + 1))
        connection.executemany(f"INSERT INTO {table.name} VALUES ({marks})", [(*row, seal(row)) for row in rows])  # noqa: S608
    connection.execute(f"PRAGMA user_version={VERSION}")
    connection.execute("COMMIT")
