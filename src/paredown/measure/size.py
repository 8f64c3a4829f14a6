"""Files of an artifact, and their bytes on disk."""

import dataclasses
import lzma
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paredown import targets
from paredown.errors import InputError
from paredown.targets import artifact

if TYPE_CHECKING:
    from paredown.measure.subject import Measurable
    from paredown.targets import Target

__all__ = ["Size", "files_of", "size"]


@dataclasses.dataclass(frozen=True)
class Size:
    """Bytes of an artifact as it lies on disk, and compressed the way a download or a package would be."""

    bytes: int
    zlib_bytes: int
    lzma_bytes: int

    @property
    def compressed_bytes(self) -> int:
        """The smaller of the two."""
        return min(self.zlib_bytes, self.lzma_bytes)


def files_of(file: "Measurable", *, target: "Target | None" = None) -> tuple[Path, ...]:
    """Every file that has to be there for `file` to run, itself first: what ships, and what its size is.

    Args:
        file: an artifact, or a path. A directory stands for all files in it; a path with a target's suffix for what that
            target reads (`Target.files`: weights beside an ONNX file belong to it); any other path for itself.
        target: the runtime, for plain paths whose suffix does not tell.

    Raises:
        InputError: there is no such file, or one that it reads is missing.
        LoweringError: it is not what its suffix says.

    """
    given: Any = file
    path = Path(os.fspath(getattr(given, "path", given)))
    if not path.exists():
        msg = f"The size of {str(path)!r} was asked for but there is no such file. Give the path of a lowered file."
        raise InputError(msg)
    runs_on = target or getattr(given, "target", None) or targets.of(path)
    files: tuple[Path, ...] = runs_on.files(path) if runs_on else artifact.files_of(path)
    missing = [part for part in files if not part.is_file()]
    if missing:
        msg = (
            f"{path.name} reads {missing[0].relative_to(path.parent)}, which is not beside it, so the file is not whole. "
            "Put all its files into one directory."
        )
        raise InputError(msg)
    return files


def size(file: "Measurable", *, target: "Target | None" = None) -> Size:
    """Size of an artifact: of all its files together (see `files_of`).

    Args:
        file: an artifact, or a path.
        target: the runtime, for plain paths whose suffix does not tell.

    Raises:
        InputError: there is no such file, or one that it reads is missing.
        LoweringError: it is not what its suffix says.

    """
    contents = [part.read_bytes() for part in files_of(file, target=target)]
    return Size(
        bytes=sum(len(content) for content in contents),
        zlib_bytes=sum(len(zlib.compress(content, 6)) for content in contents),
        lzma_bytes=sum(len(lzma.compress(content, preset=1)) for content in contents),
    )
