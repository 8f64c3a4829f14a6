"""Files named by the SHA-256 of their content."""

import hashlib
import re
import secrets
from pathlib import Path

from paredown.errors import CorruptError
from paredown.run.ledger.trouble import explained
from paredown.trust import place_whole, refuse_links

__all__ = ["Blobs"]

_NAME = re.compile(r"[0-9a-f]{64}(\.[A-Za-z0-9_.-]*)?")


class Blobs:
    """Content-addressed files below ``<run>/blobs``: written aside, synced, renamed.

    A name is the hash and the suffix, ``3f….onnx``. A file that exists is complete.
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
        """Whether the file is there; its content is checked by `open`."""
        return self.path(name).is_file()

    def put(self, content: bytes, suffix: str = "") -> str:
        """Store bytes; returns the name. A damaged file of that name is replaced.

        Raises:
            LedgerError: the disk is full or the directory cannot be written; nothing half-written stays.

        """
        name = hashlib.sha256(content).hexdigest() + suffix
        if self.has(name) and digest(self.path(name)) == name.partition(".")[0]:
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

    def adopt(self, file: Path, name: str = "") -> str:
        """Move a finished file in; returns its name. The file is synced before it gets its final name.

        Raises:
            LedgerError: the disk is full or the directory cannot be written; the file is removed.

        """
        name = name or digest(file) + file.suffix
        final = self.path(name)
        with explained(self._run, final):
            try:
                refuse_links(self._run, (), (self._root.name, f"{self._root.name}/{final.parent.name}"))
                final.parent.mkdir(parents=True, exist_ok=True)
                place_whole(file, final)
            except OSError:
                file.unlink(missing_ok=True)
                raise
        return name

    def open(self, name: str) -> Path:
        """Path of a blob whose content was checked against its name.

        Raises:
            CorruptError: the file is missing or holds something else.

        """
        path = self.path(name)
        if not path.is_file():
            raise CorruptError(self._damaged(f"{path} is missing, and the ledger names it"))
        found = digest(path)
        if found != name.partition(".")[0]:
            what = f"{path} holds {found[:12]}… where its name promises {name[:12]}…"
            raise CorruptError(self._damaged(f"{what}: it was changed after it was written"))
        return path

    def _damaged(self, what: str) -> str:
        return f"{what}. Restore it from a copy. A run that is not finished makes it anew: paredown resume {self._run}"

    def clear_aside(self) -> None:
        """Remove what a killed run left half-written."""
        folder = self._run / "aside"
        refuse_links(self._run, (), (folder.name,))
        if folder.is_dir():
            with explained(self._run, folder):
                for file in folder.iterdir():
                    file.unlink(missing_ok=True)


def digest(file: Path) -> str:
    """SHA-256 (hex) of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
