"""What the file system and SQLite complain about, in words."""

import contextlib
import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from paredown.errors import CorruptError, LedgerError

__all__ = ["explained"]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextlib.contextmanager
def explained(directory: Path, file: Path | None = None) -> Iterator[None]:
    """Turn OS and database errors into `LedgerError` and `CorruptError` that say what to do.

    Args:
        directory: the run directory.
        file: the file being worked on, where one is.

    """
    place = file or directory
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise LedgerError(_full(place, directory)) from error
        msg = (
            f"{place} cannot be written ({error.strerror or error}). A run needs a directory of its own that you may "
            "write to. Choose another one: out='runs/other' or --out runs/other."
        )
        raise LedgerError(msg) from error
    except UnicodeDecodeError as error:  # SQLite hands damaged text on as it is
        raise CorruptError(_corrupt(place, str(error))) from error
    except sqlite3.Error as error:
        # Every code sqlite3 gives is an extended one; its low byte is the primary code.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
            raise LedgerError(_full(place, directory)) from error
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise CorruptError(_corrupt(place, str(error))) from error
        msg = f"{place} cannot be used ({error}). Choose another run directory: out='runs/other' or --out runs/other."
        raise LedgerError(msg) from error


def _full(place: Path, directory: Path) -> str:
    return (
        f"No space was left while writing {place}. Everything recorded before is intact. "
        f"Free some space and go on with: paredown resume {directory}"
    )


def _corrupt(place: Path, why: str) -> str:
    return (
        f"{place} is damaged ({why}). It no longer holds what was written, so nothing of it is trusted. "
        "Restore it from a copy, or start anew in another directory: --out runs/other."
    )
