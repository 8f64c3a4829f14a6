"""Bytes on disk."""

import dataclasses
import lzma
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paredown.errors import InputError

if TYPE_CHECKING:
    from paredown.measure.subject import Measurable

__all__ = ["Size", "size"]


@dataclasses.dataclass(frozen=True)
class Size:
    """Bytes of a file as it lies on disk, and compressed the way a download or a package would be."""

    bytes: int
    zlib_bytes: int
    lzma_bytes: int

    @property
    def compressed_bytes(self) -> int:
        """The smaller of the two."""
        return min(self.zlib_bytes, self.lzma_bytes)


def size(file: "Measurable") -> Size:
    """Size of a file, or of a directory and all that is in it (external weights beside an ONNX file do not count).

    Raises:
        InputError: there is no such file.

    """
    given: Any = file
    path = Path(os.fspath(getattr(given, "path", given)))
    if not path.exists():
        msg = f"The size of {str(path)!r} was asked for but there is no such file. Give the path of a lowered file."
        raise InputError(msg)
    parts = sorted(part for part in path.rglob("*") if part.is_file()) if path.is_dir() else [path]
    contents = [part.read_bytes() for part in parts]
    return Size(
        bytes=sum(len(content) for content in contents),
        zlib_bytes=sum(len(zlib.compress(content, 6)) for content in contents),
        lzma_bytes=sum(len(lzma.compress(content, preset=1)) for content in contents),
    )
