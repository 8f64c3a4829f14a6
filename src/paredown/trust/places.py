"""Directories of this user's own."""

import os
import stat
import sys
import tempfile
from pathlib import Path

from paredown.errors import TrustError

__all__ = ["cache_directory", "private_directory"]


def cache_directory() -> Path:
    """Where this user's own lists lie: ``$PAREDOWN_CACHE``, else ``$XDG_CACHE_HOME/paredown``, else ``~/.cache/paredown``."""
    if named := os.environ.get("PAREDOWN_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "paredown"


def private_directory(name: str) -> Path:
    """A directory below the temporary one that belongs to this user and that nobody else can enter.

    Args:
        name: what it is for; the user's id is added.

    Raises:
        TrustError: something of that name is there that others own, can enter, or that leads elsewhere.
        OSError: it cannot be made.

    """
    path = Path(tempfile.gettempdir()) / f"{name}-{os.getuid() if sys.platform != 'win32' else 'user'}"
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if problem := _problem(path):
            msg = (
                f"{path} {problem}. Paredown takes what lies there for its own, so it has to be a directory of yours that "
                f"nobody else can enter. Look at it and remove it, or set TMPDIR to a directory of your own."
            )
            raise TrustError(msg) from None
    return path


def _problem(path: Path) -> str:
    """Why a directory is not this user's alone; empty where it is."""
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        return "is a link" if stat.S_ISLNK(found.st_mode) else "is no directory"
    if sys.platform == "win32":
        return ""  # the temporary directory is the user's own there
    if found.st_uid != os.geteuid():
        return f"belongs to user {found.st_uid}, and you are user {os.geteuid()}"
    if found.st_mode & 0o077:
        return f"can be entered by others (mode {stat.S_IMODE(found.st_mode):o}, not 700)"
    return ""
