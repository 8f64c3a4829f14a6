"""Tables of a ledger and their version."""

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

    Raises:
        CorruptError: SQLite finds the file damaged.
        LedgerError: another version of Paredown wrote it.

    """
    verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    if verdict != "ok":
        msg = f"{file} is damaged ({verdict}). Restore it from a copy, or start anew: --out runs/other."
        raise CorruptError(msg)
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if version == 0 and tables == 0 and writable:
        connection.executescript(f"BEGIN;{_TABLES}PRAGMA user_version={VERSION};COMMIT;")
        return
    if version != VERSION:
        msg = (
            f"{file} is a ledger of version {version}; this Paredown reads version {VERSION}. "
            "Read it with the Paredown that wrote it, or start anew: --out runs/other."
        )
        raise LedgerError(msg)
