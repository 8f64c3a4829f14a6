"""What a runtime on a device is to Paredown: lower a network into a file, open a file, say what runs fast."""

import abc
import dataclasses
import glob
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self

from paredown.errors import InputError, LoweringError
from paredown.targets import elsewhere
from paredown.targets.artifact import Artifact, Lowering, check_name, digest, files_of, move, remove
from paredown.targets.batches import AnyBatch, Batches
from paredown.targets.floors import Floors
from paredown.targets.given import lowered
from paredown.targets.refused import refuse_randomness

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
class Target(abc.ABC):
    """A runtime and how it is run; the dataclass fields are the settings, so targets encode to JSON.

    A runtime is one folder beside this file: a subclass with `capabilities`, `write` and `open`, and what else differs
    from the defaults below. Everything outside the folder asks the target.

    Attributes:
        threads: threads per inference; pinned, never the machine's default.
        batch: examples per inference that latency is measured with.

    """

    threads: int = 1
    batch: int = 1

    name: ClassVar[str]
    """As reports say it, for example ``ONNX Runtime``."""
    suffix: ClassVar[str]
    """Of the file, or of the one that is opened where there are several, or of the folder."""
    companions: ClassVar[tuple[str, ...]] = ()
    """Suffixes of further files beside that one, which have its name otherwise."""
    extra: ClassVar[str] = ""
    """What ``pip install 'paredown[...]'`` names; empty where the runtime comes with Paredown."""
    packages: ClassVar[tuple[str, ...]]
    """Distributions whose versions belong into certificates; the runtime's own is the first."""
    threads_scope: ClassVar[Literal["session", "process"]] = "session"
    """Whether `threads` holds for one session alone, or for everything in the process while a session is open."""
    floors: ClassVar[Floors] = Floors()
    """How closely file and network have to agree."""

    def __post_init__(self) -> None:
        for setting in ("threads", "batch"):
            value = getattr(self, setting)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                msg = f"{setting}={value!r} was given; it is a whole number from 1 up. Type {setting}=1."
                raise InputError(msg)
        if self.batches.nearest(self.batch) != self.batch:
            msg = (
                f"batch={self.batch} was given; files for {self.name} take {self.batches.words}. "
                f"Type batch={self.batches.nearest(self.batch)}."
            )
            raise InputError(msg)

    @property
    def words(self) -> str:
        """Name and settings as reports say them, for example ``ONNX Runtime, 1 thread, batch 1``."""
        return f"{self.name}, {self.threads} thread{'s' if self.threads > 1 else ''}, batch {self.batch}"

    @property
    @abc.abstractmethod
    def capabilities(self) -> "Capabilities":
        """Operators, number formats and channel multiples that run fast here."""

    @property
    def batches(self) -> Batches:
        """How many examples one inference takes; checks try these, and whoever feeds a file keeps to them."""
        return AnyBatch()

    @property
    def reproducible(self) -> bool:
        """Whether the same network gives the same bytes, also once it was stored and loaded.

        If not, files are saved as they were measured, after they have given the network's outputs once more.
        """
        return True

    @property
    def python(self) -> Path | None:
        """The interpreter that lowers and measures, for runtimes that need an environment of their own; None: this one.

        Paredown must be importable there, and for measuring nothing else but NumPy and the runtime.
        """
        return None

    def lower(self, network: "Network", path: str | os.PathLike[str]) -> Artifact:
        """Write the file, after the runtime has given the network's own outputs with it.

        The file appears under its name only when it is whole and agrees with ``network.eval()`` at the batch of the
        example and those that `batches` tries.

        Raises:
            InputError: a file with others beside it was given another suffix than its own.
            LoweringError: the target has no words for an operator, or the network draws random numbers in eval mode; the
                message names node and module.
            ParityError: file and network do not agree; no file is left.

        """
        network, python = lowered(network), elsewhere.away(self.python)
        refuse_randomness(network, self.name)

        def write(partial: Path) -> Lowering:
            if python is None:
                return self.write(network, partial)
            return elsewhere.lower(self, network, partial, python)

        return write_atomically(path, write, self)

    @abc.abstractmethod
    def write(self, network: "Network", path: Path) -> Lowering:
        """Make the file (and those beside it, or the folder), open it and `paredown.targets.parity.check` it.

        Args:
            network: left bit-identical, in the mode it is in.
            path: a temporary name in the final directory; what is left there after an error is removed.

        Raises:
            LoweringError: as `lower`.
            ParityError: as `lower`.

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

    def files(self, path: str | os.PathLike[str]) -> tuple[Path, ...]:
        """Every file that has to be there for `path` to run, itself first: what ships, and what size and hash are over.

        Of a folder all files in it. Runtimes whose files read others that are not `companions` name those too.

        Raises:
            LoweringError: the file is not one of this runtime's.

        """
        return files_of(Path(path), self.companions)

    def fitting(self, path: str | os.PathLike[str]) -> "Target":  # noqa: ARG002 (for subclasses)
        """This target with the settings that a file wants which it did not make itself; looks, and opens nothing."""
        return self

    def check(self, network: "Network", artifact: Artifact) -> None:
        """Let a file give the network's outputs once more.

        Raises:
            ParityError: it does not.

        """
        from paredown.targets import parity  # noqa: PLC0415 (NumPy, which not everybody with a target needs)

        floor = self.floors.trained if artifact.lowering.quantized else self.floors.float
        with self.open(artifact.path) as session:
            parity.check(network, session, floor, self.name, self.batches)

    def inner(self, path: str | os.PathLike[str]) -> "Inner | None":  # noqa: ARG002 (for subclasses)
        """Reads the rounded values inside of a file, where this runtime lets them be read; see `paredown.quantize.analyse`.

        Returns:
            A function from flat inputs to values by the name of the node that rounds; None where they cannot be read.

        Raises:
            LoweringError: the file is missing or is not one of this runtime's.

        """
        return None

    def within(self, weight_bits: int) -> str:
        """What to type so that weights take so many bits at most in 8-bit kernels, as the end of "make it again ..."."""
        return f"with `quantize.Int8(weight_bits={weight_bits})`"

    def version(self) -> str:
        """Name and version of the runtime, for example ``onnxruntime 1.31.1``.

        Raises:
            LoweringError: it is not installed; the message says how to install it.

        """
        self.require(self.packages[0])
        return f"{self.packages[0]} {self.versions()[self.packages[0]]}"

    def versions(self) -> dict[str, str]:
        """Versions of `packages` where this target lowers and runs; those that are missing are left out."""
        return elsewhere.installed(self.packages, self.python)

    def require(self, *packages: str) -> None:
        """Look whether distributions are installed where this target lowers and runs.

        Raises:
            LoweringError: one is not.

        """
        found = elsewhere.installed(packages, self.python)
        for package in packages:
            if package not in found:
                where = "here" if self.python is None else f"in the environment of {self.python}"
                msg = (
                    f"The target {type(self).__name__} needs the package {package!r}, which is not installed {where}. "
                    f"{self.advice}"
                )
                raise LoweringError(msg)

    @property
    def advice(self) -> str:
        """What to type to have this runtime; the end of the message that it is not there."""
        wanted = f"'paredown[{self.extra}]'" if self.extra else " ".join(self.packages)
        return f"Install it with `pip install {wanted}`."


def write_atomically(path: str | os.PathLike[str], write: Callable[[Path], Lowering], target: Target) -> Artifact:
    """Let `write` make and check a file under a temporary name in the same directory, then rename it.

    Raises:
        InputError: the name leaves no room for the files beside it.
        LoweringError: the directory cannot be written, or whatever `write` raises; no file is left.

    """
    final = Path(path)
    check_name(final, target.suffix, target.companions)
    stem = f".{final.stem}.{uuid.uuid4().hex[:8]}.partial"
    partial = final.with_name(f"{stem}{final.suffix}")
    try:
        lowering = write(partial)
        sha256 = digest(partial, target.files(partial))
        move(partial, target.files(partial), final)
    except OSError as error:
        msg = f"{final} cannot be written: {error}. Give a path in a directory that exists and can be written."
        raise LoweringError(msg) from error
    finally:
        for left in final.parent.glob(f"{glob.escape(stem)}*"):
            remove(left, ())
    return Artifact(final, target, sha256, lowering)
