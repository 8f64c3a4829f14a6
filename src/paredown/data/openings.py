"""How often data meant for judging have been looked at, across runs."""

import contextlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from paredown.trust import cache_directory

__all__ = ["Openings"]


class Openings:
    """The per-user list of openings of judge data, one JSON line each, appended and synced."""

    def __init__(self, directory: Path | None = None) -> None:
        self.file = (directory or cache_directory()) / "openings.jsonl"

    def add(self, data: str, opening: str, run: Path) -> bool:
        """Record one opening; the same opening (a resumed run) is recorded once.

        Args:
            data: fingerprint of the judge data.
            opening: identity of this opening.
            run: the run directory.

        Returns:
            Whether it could be written. A home that cannot be written to does not stop a run, but a caller has to
            say so.

        """
        if opening in self._identities(data):
            return True
        line = json.dumps(
            {"data": data, "opening": opening, "run": str(run), "time": time.strftime("%Y-%m-%d %H:%M:%S")}
        )
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("a") as stream:
                stream.write(line + "\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError:
            return False
        return True

    def registering(self, opening: str, place: Path) -> Callable[[str], int]:
        """What `Sealed.open` asks for: writes an opening down and says how often these data have been opened.

        Args:
            opening: identity of this opening; repeating it does not count twice.
            place: the directory it is for.

        """

        def register(data: str) -> int:
            self.add(data, opening, place)
            return self.count(data)

        return register

    def count(self, data: str) -> int:
        """How often these data have been opened by runs of this user."""
        return len(self._identities(data))

    def _identities(self, data: str) -> set[str]:
        try:
            lines = self.file.read_text().splitlines()
        except OSError:
            return set()
        found = set()
        for line in lines:
            # A line torn by a crash is not JSON; the opening it stood for is in that run's own ledger.
            with contextlib.suppress(ValueError, KeyError, TypeError):
                entry = json.loads(line)
                if entry["data"] == data:
                    found.add(str(entry["opening"]))
        return found
