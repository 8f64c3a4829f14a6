"""One process per run directory."""

import json
import os
import platform
import time
from pathlib import Path

import filelock

from paredown.errors import LockedError
from paredown.run.ledger.trouble import explained
from paredown.trust import one_line, write_whole

__all__ = ["DirectoryLock"]


class DirectoryLock:
    """An operating-system lock, so it is gone the moment its process is, however it ended."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._owner = directory / "owner.json"
        self._lock = filelock.FileLock(directory / "lock", timeout=0, thread_local=False)

    def acquire(self) -> None:
        """Take the directory.

        Raises:
            LockedError: another process (or another run in this one) holds it; the message names it.
            LedgerError: the directory cannot be written.

        """
        with explained(self._directory, self._directory / "lock"):
            (self._directory / "lock").touch()  # whether one may write here at all; the lock itself would not say
            try:
                self._lock.acquire()
            except filelock.Timeout:
                raise LockedError(self._who()) from None
        owner = {"pid": os.getpid(), "host": platform.node(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        with explained(self._directory, self._owner):
            write_whole(self._owner, json.dumps(owner))

    def release(self) -> None:
        """Give the directory back."""
        if self._lock.is_locked:
            self._owner.unlink(missing_ok=True)
            self._lock.release()

    def _who(self) -> str:
        try:
            owner = json.loads(self._owner.read_text())
            pid = int(owner["pid"])
            who = one_line(f"process {pid} on {owner['host']} since {owner['since']}")
            stop = f"Wait for it, stop it with `kill {pid}`, or"
        except (OSError, ValueError, KeyError, TypeError):  # between taking the lock and writing the name
            who, stop = "another process", "Wait for it, or"
        return (
            f"{self._directory} is in use by {who}. One run directory belongs to one process. "
            f"{stop} choose another directory: --out runs/other."
        )
