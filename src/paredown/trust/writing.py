"""Writing into directories that somebody else may have filled: whole files, and never through a link."""

import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from paredown.errors import TrustError

__all__ = ["copy_whole", "place_whole", "refuse_links", "write_whole"]


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file aside and rename it: a reader finds the old one or the new one, and a link of that name is replaced.

    Args:
        path: where it goes; the directory exists.
        content: text is written as UTF-8.

    Raises:
        OSError: the place cannot be written; nothing half-written stays.

    """
    data = content.encode() if isinstance(content, str) else content
    _aside(path, lambda stream: stream.write(data))


def copy_whole(source: Path, path: Path) -> None:
    """Copy a file as `write_whole` writes one.

    Raises:
        OSError: as `write_whole`.

    """
    with source.open("rb") as read:
        _aside(path, lambda stream: shutil.copyfileobj(read, stream, 1 << 20))


def place_whole(file: Path, path: Path) -> None:
    """Give a finished file its final name: it is on the disk before it has that name, and so is the name afterwards.

    Args:
        file: on the same file system; or a folder, where there is none of that name.
        path: where it goes; a file or link of that name is replaced.

    Raises:
        OSError: the place cannot be written; the file keeps its name.

    """
    for part in (*file.rglob("*"), file) if file.is_dir() else (file,):
        _sync(part)
    file.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # directories cannot be opened there
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _aside(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with aside.open("xb") as stream:  # x: whatever has this name already, a link too, is an error
            fill(stream)
        place_whole(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def refuse_links(directory: Path, files: Iterable[str], folders: Iterable[str]) -> None:
    """Check that what is about to be written lies in a directory itself and not where a link in it points.

    Args:
        directory: may be a link itself, for its user named it.
        files: names in it that are to be plain files; what is not there is fine.
        folders: names in it that are to be folders.

    Raises:
        TrustError: one of them is a link, or no plain file or folder.

    """
    for names, fits, kind in ((files, stat.S_ISREG, "file"), (folders, stat.S_ISDIR, "folder")):
        for name in names:
            _refuse_link(directory / name, fits, kind)


def _refuse_link(path: Path, fits: Callable[[int], bool], kind: str) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if fits(mode):
        return
    what = f"is a link to {str(path.readlink())!r}" if stat.S_ISLNK(mode) else f"is not a {kind}"
    msg = (
        f"{path} {what}. Paredown writes plain files there and follows no links, for a directory that comes from "
        f"somebody else could lead it to yours. Remove it, or put a {kind} of that name in its place."
    )
    raise TrustError(msg)
