"""Files named by the SHA-256 of their content."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

from paredown.errors import CorruptError
from paredown.run.ledger.trouble import explained
from paredown.targets import artifact
from paredown.trust import place_whole, refuse_links

__all__ = ["Blobs"]

_NAME = re.compile(r"[0-9a-f]{64}(\.[A-Za-z0-9_.-]*)?")


class Blobs:
    """Content-addressed files below ``<run>/blobs``: written aside, synced, renamed.

    A name is the hash and the suffix, ``3f….onnx``. What exists is complete. An artifact of several files is kept in a
    folder of that name, in which the one that is opened has that name too; one that is a folder is kept as it is.
    """

    def __init__(self, directory: Path) -> None:
        self._run = directory
        self._root = directory / "blobs"

    def path(self, name: str) -> Path:
        """Where a blob lies (whether or not it is there).

        Raises:
            CorruptError: no name of a blob.

        """
        if not _NAME.fullmatch(name):
            raise CorruptError(self._damaged(f"{name!r} is no name of a stored file, and the ledger holds it"))
        return self._root / name[:2] / name

    def has(self, name: str) -> bool:
        """Whether it is there; its content is checked by `open`."""
        return self.path(name).exists()

    def put(self, content: bytes, suffix: str = "") -> str:
        """Store bytes; returns the name. A damaged file of that name is replaced.

        Raises:
            LedgerError: the disk is full or the directory cannot be written; nothing half-written stays.

        """
        name = hashlib.sha256(content).hexdigest() + suffix
        if self.has(name) and _holds(self.path(name), name):
            return name
        aside = self.aside(suffix)
        with explained(self._run, aside):
            try:
                aside.write_bytes(content)
            except OSError:
                aside.unlink(missing_ok=True)
                raise
        return self.adopt(aside, name)

    def aside(self, suffix: str = "") -> Path:
        """A fresh path on the same file system, to be filled and given to `adopt`."""
        folder = self._run / "aside"
        with explained(self._run, folder):
            refuse_links(self._run, (), (folder.name,))
            folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{secrets.token_hex(8)}{suffix}"

    def adopt(self, file: Path, name: str = "", files: Sequence[Path] = ()) -> str:
        """Move a finished file in; returns its name. Everything is synced before it gets its final name.

        Args:
            file: the file, the one that is opened of several, or a folder.
            name: its hash and suffix; computed for a single file where not given.
            files: all files of an artifact.

        Raises:
            LedgerError: the disk is full or the directory cannot be written; the file is removed.

        """
        name = name or digest(file) + file.suffix
        final, moved = self.path(name), file
        with explained(self._run, final):
            try:
                refuse_links(self._run, (), (self._root.name, f"{self._root.name}/{final.parent.name}"))
                if len(files) > 1 and not file.is_dir():
                    moved = self._gathered(file, name, files)
                final.parent.mkdir(parents=True, exist_ok=True)
                self._place(moved, name)
            except OSError:
                artifact.remove(file, files)
                artifact.remove(moved, ())
                raise
        return name

    def _place(self, moved: Path, name: str) -> None:
        """Give something whole its final name; a folder that is there already and whole stays."""
        final = self.path(name)
        if final.is_dir() and _holds(final, name):
            artifact.remove(moved, ())
            return
        if final.is_dir():
            artifact.remove(final, ())
        place_whole(moved, final)

    def _gathered(self, file: Path, name: str, files: Sequence[Path]) -> Path:
        """A folder that holds several files, called after the blob."""
        folder = self.aside()
        folder.mkdir()
        artifact.move(file, files, folder / name)
        return folder

    def open(self, name: str) -> Path:
        """Path of a blob whose content was checked against its name.

        Raises:
            CorruptError: the file is missing or holds something else.

        """
        path = self.path(name)
        if not path.exists():
            raise CorruptError(self._damaged(f"{path} is missing, and the ledger names it"))
        opened, files = _parts(path)
        found = artifact.digest(opened, files)
        if found != name.partition(".")[0]:
            what = f"{path} holds {found[:12]}… where its name promises {name[:12]}…"
            raise CorruptError(self._damaged(f"{what}: it was changed after it was written"))
        return opened

    def _damaged(self, what: str) -> str:
        return f"{what}. Restore it from a copy. A run that is not finished makes it anew: paredown resume {self._run}"

    def clear_aside(self) -> None:
        """Remove what a killed run left half-written."""
        folder = self._run / "aside"
        refuse_links(self._run, (), (folder.name,))
        if folder.is_dir():
            with explained(self._run, folder):
                for left in folder.iterdir():
                    artifact.remove(left, ())


def _parts(path: Path) -> tuple[Path, tuple[Path, ...]]:
    """What is opened of a blob, and all of its files."""
    opened = path / path.name
    return (opened if opened.is_file() else path), artifact.files_of(path)


def _holds(path: Path, name: str) -> bool:
    """Whether a blob holds what its name promises."""
    return artifact.digest(*_parts(path)) == name.partition(".")[0]


def digest(file: Path) -> str:
    """SHA-256 (hex) of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
