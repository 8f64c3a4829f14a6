"""What lowering makes: a file, several files or a folder, with one hash over all of it."""

import dataclasses
import hashlib
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from paredown.errors import InputError
from paredown.trust import copy_whole

if TYPE_CHECKING:
    from paredown.targets.target import Target

__all__ = ["Artifact", "Lowering", "check_name", "copy", "digest", "files_of", "move", "remove", "sha256_of"]


@dataclasses.dataclass(frozen=True)
class Lowering:
    """What became of the network on its way into the file.

    Attributes:
        operators: how often each operator occurs in the graph as the runtime optimised it.
        quantized: how many of these compute in 8 bits or read narrow weights.
        unfused: one line for each node that gets 8-bit values and is nevertheless computed in float, or needs more
            operators than the runtime has for it: operator, node and the user's module.
        weight_bits: bits that signed weights take in kernels that add up products with 8-bit activations; None where
            there are no such. A machine whose sums have room for fewer (`Int8Kernels.sum_bits`) may give other
            answers.
        floats: those of `operators` that compute in float: neither in 8 bits, nor conversions, nor moving values around;
            empty where nothing is quantized.
        conversions: operators that turn float into 8 bits or back.

    """

    operators: Mapping[str, int] = dataclasses.field(default_factory=lambda: MappingProxyType({}))
    quantized: int = 0
    unfused: tuple[str, ...] = ()
    weight_bits: int | None = None
    floats: Mapping[str, int] = dataclasses.field(default_factory=lambda: MappingProxyType({}))
    conversions: int = 0


@dataclasses.dataclass(frozen=True)
class Artifact:
    """A file, several files or a folder, and the target that made it.

    Attributes:
        path: where the file is: of several the one that is opened, or the folder.
        target: the target that lowered it and opens it.
        sha256: hex digest of all of it; see `digest`.
        lowering: what the runtime made of the network.

    """

    path: Path
    target: "Target"
    sha256: str
    lowering: Lowering = dataclasses.field(default_factory=Lowering)

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that belongs to it."""
        return self.target.files(self.path)

    @property
    def size_bytes(self) -> int:
        """Bytes on disk, of all files together."""
        return sum(file.stat().st_size for file in self.files)


def files_of(path: Path, companions: Sequence[str] = ()) -> tuple[Path, ...]:
    """The files of an artifact: all in a folder, or a file and those beside it that differ in the suffix.

    Args:
        path: the folder, or the file that is opened.
        companions: suffixes of the files beside it.

    """
    if path.is_dir():
        return tuple(sorted(part for part in path.rglob("*") if part.is_file()))
    return (path, *(path.with_suffix(suffix) for suffix in companions))


def digest(path: Path, files: Sequence[Path]) -> str:
    """SHA-256 (hex) of an artifact, the same wherever it lies and whatever it is called.

    Of a single file it is that of the file's bytes; else that of the names (without what the artifact itself is called)
    and hashes of all files.

    Raises:
        OSError: a file is missing or cannot be read.

    """
    if list(files) == [path]:
        return sha256_of(path)
    whole = hashlib.sha256()
    for part, file in sorted((_part(path, file), file) for file in files):
        whole.update(f"{part}\0{sha256_of(file)}\n".encode())
    return whole.hexdigest()


def move(path: Path, files: Sequence[Path], new: Path) -> None:
    """Give an artifact another name in the same file system; what is there is replaced.

    The file that is opened comes last: where it is, the others are.
    """
    if path.is_dir():
        remove(new, ())
        path.replace(new)
        return
    for old, to in _renamed(path, files, new):
        old.replace(to)


def copy(path: Path, files: Sequence[Path], new: Path) -> None:
    """Copy an artifact; every file of what is there is replaced once its copy is whole, the one that is opened last."""
    if not path.is_dir():
        for old, to in _renamed(path, files, new):
            copy_whole(old, to)
        return
    aside = new.with_name(f".{new.name}.{secrets.token_hex(8)}")
    try:
        shutil.copytree(path, aside)
        move(aside, (), new)
    finally:
        remove(aside, ())


def remove(path: Path, files: Sequence[Path]) -> None:
    """Remove an artifact, or what there is of it."""
    if path.is_dir() and not path.is_symlink():  # of a link only the link goes
        shutil.rmtree(path)
    for file in (path, *files):
        file.unlink(missing_ok=True)


def check_name(path: Path, suffix: str, companions: Sequence[str]) -> None:
    """Refuse a name that leaves no room for the files beside it.

    Raises:
        InputError: the suffix is another one.

    """
    if companions and path.suffix != suffix:
        beside = ", ".join(companions)
        msg = (
            f"{path.name!r} was given for a file with others beside it ({beside}), which are told apart by their "
            f"suffixes; its own is {suffix}. Type {path.with_suffix(suffix).name!r}."
        )
        raise InputError(msg)


def sha256_of(file: Path) -> str:
    """SHA-256 (hex) of one file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _part(path: Path, file: Path) -> str:
    """The name of a file without what the artifact is called."""
    if file.is_relative_to(path) and file != path:
        return file.relative_to(path).as_posix()
    return file.name.removeprefix(path.stem)


def _renamed(path: Path, files: Sequence[Path], new: Path) -> Iterator[tuple[Path, Path]]:
    """Old and new names of files, the one that is opened last."""
    for file in (*(file for file in files if file != path), path):
        own = file.name.startswith(path.stem)
        yield file, new.with_name(f"{new.stem}{_part(path, file)}" if own else file.name)
