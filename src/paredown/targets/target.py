"""What a runtime on a device is to Paredown: lower a network into a file, open a file, say what runs fast."""

import abc
import dataclasses
import hashlib
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from paredown.errors import InputError, LoweringError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from paredown.graph.capabilities import Capabilities
    from paredown.graph.network import Network

Inner = Callable[[Sequence["npt.NDArray[Any]"]], Mapping[str, "npt.NDArray[Any]"]]

__all__ = ["Artifact", "Inner", "Lowering", "Port", "Session", "Target"]


class Port(NamedTuple):
    """One input or output of a file: name, NumPy element type, shape (None where a dimension may vary)."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


class Session(abc.ABC):
    """A file opened by its runtime in this process.

    Attributes:
        inputs: one port per tensor that `run` takes, in order.
        outputs: one port per tensor that `run` returns, in order.

    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @abc.abstractmethod
    def run(self, feeds: Sequence["npt.NDArray[Any]"]) -> list["np.ndarray[Any, Any]"]:
        """One inference; arrays in the order of `inputs`, results in the order of `outputs`."""

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of the runtime's memory and threads."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclasses.dataclass(frozen=True)
class Lowering:
    """What became of the network on its way into the file.

    Attributes:
        operators: how often each operator occurs in the graph as the runtime optimised it.
        quantized: how many of these compute in 8 bits or read narrow weights.
        unfused: one line for each node that gets 8-bit values and is nevertheless computed in float, or needs more
            operators than the runtime has for it: operator, node and the user's module.
        weight_bits: bits that signed weights take in kernels that add up products with 8-bit activations; None where
            there are no such. A machine whose sums have room for fewer (`Capabilities.int8_sum_bits`) may give other
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
    """A file and the target that made it.

    Attributes:
        path: where the file is.
        target: the target that lowered it and opens it.
        sha256: hex digest of the file's bytes.
        lowering: what the runtime made of the network.

    """

    path: Path
    target: "Target"
    sha256: str
    lowering: Lowering = dataclasses.field(default_factory=Lowering)

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that belong to it; see `Target.files`."""
        return self.target.files(self.path)

    @property
    def size_bytes(self) -> int:
        """Bytes on disk of all its files."""
        return sum(file.stat().st_size for file in self.files)


@dataclasses.dataclass(frozen=True)
class Target(abc.ABC):
    """A runtime and how it is run; the dataclass fields are the settings, so targets encode to JSON.

    Attributes:
        threads: threads per inference; pinned, never the machine's default.
        batch: examples per inference that latency is measured with. Files take any batch.

    """

    threads: int = 1
    batch: int = 1
    name: ClassVar[str]
    suffix: ClassVar[str]

    def __post_init__(self) -> None:
        for setting in ("threads", "batch"):
            value = getattr(self, setting)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                msg = f"{setting}={value!r} was given; it is a whole number from 1 up. Type {setting}=1."
                raise InputError(msg)

    @property
    def words(self) -> str:
        """Name and settings as reports say them, for example ``ONNX Runtime, 1 thread, batch 1``."""
        return f"{self.name}, {self.threads} thread{'s' if self.threads > 1 else ''}, batch {self.batch}"

    @property
    @abc.abstractmethod
    def capabilities(self) -> "Capabilities":
        """Operators, number formats and channel multiples that run fast here."""

    @abc.abstractmethod
    def lower(self, network: "Network", path: str | os.PathLike[str]) -> Artifact:
        """Write the file, after the runtime has given the network's own outputs with it.

        The file appears under its name only when it is whole and agrees with ``network.eval()`` at batch 1, 3 and
        that of the example. The same network gives the same bytes (compiled code excepted).

        Raises:
            LoweringError: the target has no words for an operator; the message names node and module.
            ParityError: file and network do not agree; no file is left.

        """

    @abc.abstractmethod
    def open(self, path: str | os.PathLike[str]) -> Session:
        """Open a file for inference with this target's threads; imports the runtime only.

        Raises:
            LoweringError: the file is missing or is not one of this runtime's, or the runtime is not installed.

        """

    def admit(self, path: str | os.PathLike[str], *, trust: bool = False) -> None:  # noqa: B027 (most formats hold no program)
        """Look at a file that may come from anybody before the runtime sees it; measuring does so with every file.

        Formats that hold data alone let every file in, and the runtime judges it. A target whose files are programs, or
        whose runtime would run what is in them, refuses those here.

        Args:
            path: the file.
            trust: the user vouches for whoever made it.

        Raises:
            TrustError: the file is a program that was not made here, or holds what could run as one.

        """

    def open_admitted(self, path: str | os.PathLike[str]) -> Session:
        """`open` for a file that `admit` has let in, in a process that was started to measure it."""
        return self.open(path)

    def inner(self, path: str | os.PathLike[str]) -> "Inner | None":  # noqa: ARG002 (for subclasses)
        """Reads the rounded values inside of a file, where this runtime lets them be read; see `paredown.quantize.analyse`.

        Returns:
            A function from flat inputs to values by the name of the node that rounds; None where they cannot be read.

        Raises:
            LoweringError: the file is missing or is not one of this runtime's.

        """
        return None

    def files(self, path: str | os.PathLike[str]) -> tuple[Path, ...]:
        """Every file that has to be there for `path` to run, itself first; what ships, and what size is counted of.

        A directory stands for all files in it. Runtimes whose files read others beside them name those too.

        Raises:
            LoweringError: the file is missing or is not one of this runtime's.

        """
        return files_at(Path(path))

    @abc.abstractmethod
    def version(self) -> str:
        """Name and version of the runtime, for example ``onnxruntime 1.31.1``."""


def files_at(path: Path) -> tuple[Path, ...]:
    """The file itself, or the files in a directory, sorted."""
    return tuple(sorted(part for part in path.rglob("*") if part.is_file())) if path.is_dir() else (path,)


def write_atomically(path: str | os.PathLike[str], write: Callable[[Path], Lowering], target: Target) -> Artifact:
    """Let `write` make and check a file under a temporary name in the same directory, then rename it.

    Raises:
        LoweringError: the directory cannot be written, or whatever `write` raises; no file is left.

    """
    final = Path(path)
    partial = final.with_name(f".{final.stem}.{uuid.uuid4().hex[:8]}.partial{final.suffix}")
    try:
        lowering = write(partial)
        digest = hashlib.sha256(partial.read_bytes()).hexdigest()
        partial.replace(final)
    except OSError as error:
        msg = f"{final} cannot be written: {error}. Give a path in a directory that exists and can be written."
        raise LoweringError(msg) from error
    finally:
        partial.unlink(missing_ok=True)
    return Artifact(final, target, digest, lowering)
