"""Tables of a ledger and their version."""

import contextlib
import sqlite3
from pathlib import Path

from paredown.errors import CorruptError, LedgerError

__all__ = ["VERSION", "prepare"]

VERSION = 1

_TABLES = """
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


def prepare(connection: sqlite3.Connection, file: Path, *, writable: bool) -> None:
    """Check a database, or fill an empty one.

    The tables are compared with a ledger's before SQLite is asked to check the rest, for that check runs what a schema
    may hold.

    Raises:
        CorruptError: SQLite finds the file damaged, or it holds anything but a ledger's tables.
        LedgerError: another version of Paredown wrote it.

    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    held = _schema(connection)
    if version == 0 and not held and writable:
        connection.executescript(f"BEGIN;{_TABLES}PRAGMA user_version={VERSION};COMMIT;")
        return
    if version != VERSION:
        msg = (
            f"{file} is a ledger of version {version}; this Paredown reads version {VERSION}. "
            "Read it with the Paredown that wrote it, or start anew: --out runs/other."
        )
        raise LedgerError(msg)
    _refuse_others(held, file)
    verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    if verdict != "ok":
        msg = f"{file} is damaged ({verdict}). Restore it from a copy, or start anew: --out runs/other."
        raise CorruptError(msg)


def _schema(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """Kind and name of everything in a database that somebody declared, with its declaration."""
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {(str(kind), str(name)): " ".join(str(sql).split()) for kind, name, sql in rows}


def _refuse_others(held: dict[tuple[str, str], str], file: Path) -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as pattern:
        pattern.executescript(_TABLES)
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
