"""Files that are programs, and which of them this user made."""

import os
import re
import stat
import sys
from pathlib import Path

from paredown.errors import TrustError
from paredown.trust.places import cache_directory, private_directory

__all__ = ["Programs"]

_LINE = re.compile(r"[0-9a-f]{64}")


class Programs:
    """The per-user list of programs that were made here: one SHA-256 a line, appended.

    A package that is a program (machine code) does what it likes when it is opened. One that Paredown made itself, for
    this user, is on the list and opens without a question; any other needs the user's word.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory or cache_directory()

    @property
    def file(self) -> Path:
        """Where the list lies."""
        return self._directory / "programs.txt"

    def add(self, sha256: str) -> None:
        """Note a program that was just made. A home that cannot be written to is made up for below the temporary directory.

        Raises:
            TrustError: that place is not this user's alone.

        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            _append(self.file, sha256)
        except OSError:
            _append(_second(), sha256)

    def made(self, sha256: str) -> bool:
        """Whether this user made the program here."""
        return any(sha256 in _lines(file) for file in (self.file, _second(make=False)))

    def admit(self, path: Path, sha256: str, what: str, *, trust: bool) -> None:
        """Let a program in that was made here or that the user vouches for.

        Args:
            path: the file, for the message.
            sha256: of its content.
            what: what kind of program it is, and what opening it does.
            trust: the user has said that whoever made it may run programs here.

        Raises:
            TrustError: neither holds.

        """
        if trust or self.made(sha256):
            return
        msg = (
            f"{path} is a program: {what}. It was not made here by you, so it was not opened: it can do whatever you can, "
            "with your files and your network. If you know who made it and trust them as if they had your account, say "
            "so: --trust on the command line, trust=True in Python."
        )
        raise TrustError(msg)


def _second(*, make: bool = True) -> Path:
    if make:
        return private_directory("paredown-programs") / "programs.txt"
    try:
        return private_directory("paredown-programs") / "programs.txt"
    except (TrustError, OSError):
        return Path(os.devnull)  # somebody else's list says nothing


def _append(file: Path, line: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(file, flags, 0o600), "a", encoding="ascii") as stream:
        stream.write(line + "\n")


def _lines(file: Path) -> set[str]:
    """What a list holds; one that others could have written holds nothing."""
    try:
        found = file.lstat()
        if not stat.S_ISREG(found.st_mode) or (sys.platform != "win32" and _open_to_others(found)):
            return set()
        return {line for line in file.read_text(encoding="ascii", errors="replace").split() if _LINE.fullmatch(line)}
    except OSError:
        return set()


def _open_to_others(found: os.stat_result) -> bool:
    return found.st_uid != os.geteuid() or bool(found.st_mode & 0o022)
