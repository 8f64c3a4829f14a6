"""Opening a ledger's database so that what is stored in it stays data, whoever wrote it."""

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from paredown.run.ledger import schema

__all__ = ["connect"]

_LIMITS: Mapping[int, int] = MappingProxyType(
    {
        sqlite3.SQLITE_LIMIT_LENGTH: 1 << 28,  # bytes of one value or row
        sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
        sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
        sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 10,
        sqlite3.SQLITE_LIMIT_ATTACHED: 0,
        sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
        sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
    }
)
_SWITCHES: Mapping[str, bool] = MappingProxyType({"DEFENSIVE": True, "ENABLE_TRIGGER": False, "ENABLE_VIEW": False})


def connect(file: Path, *, writable: bool) -> sqlite3.Connection:
    """Open a ledger, or make an empty one; its tables are checked before anything else is asked of it.

    Functions in the schema of a foreign file are not run, cells are checked on reading, and a reader cannot write.

    Args:
        file: the database.
        writable: take it for writing; the caller holds the directory's lock.

    Raises:
        sqlite3.Error: it cannot be opened, or is damaged.
        CorruptError: it holds other tables than a ledger, views, or triggers.
        LedgerError: another version of Paredown wrote it.

    """
    uri = f"{file.absolute().as_uri()}?{_mode(file, writable=writable)}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=30)
    try:
        _harden(connection)
        if not writable:
            connection.execute("PRAGMA query_only=ON")
        schema.prepare(connection, file, writable=writable)
        if writable:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def _mode(file: Path, *, writable: bool) -> str:
    if writable:
        return "mode=rwc"
    log = file.with_name(f"{file.name}-wal")
    if log.exists() and os.access(file.parent, os.W_OK):
        return "mode=ro"  # somebody writes, or was killed: its shared-memory file is needed, and may have to be made
    return "mode=ro&immutable=1"  # nobody writes: nothing is made beside the file


def _harden(connection: sqlite3.Connection) -> None:
    for limit, most in _LIMITS.items():
        connection.setlimit(limit, most)
    for switch, on in _SWITCHES.items():
        if number := getattr(sqlite3, f"SQLITE_DBCONFIG_{switch}", None):  # from Python 3.12 on
            connection.setconfig(number, on)  # type: ignore[attr-defined,unused-ignore]
    for setting in ("trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0"):
        connection.execute(f"PRAGMA {setting}")
