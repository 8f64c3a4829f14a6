"""PyTorch itself on the CPU: the graph run operator by operator, or compiled ahead of time."""

import dataclasses
import json
import os
import shutil
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from paredown.errors import LoweringError
from paredown.targets.artifact import Artifact, Lowering, sha256_of
from paredown.targets.floats import refuse_bfloat16
from paredown.targets.option import option
from paredown.targets.target import Port, Session, Target
from paredown.trust import Programs

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from paredown.graph.capabilities import Capabilities
    from paredown.graph.network import Network

__all__ = ["Torch"]

_PORTS = "extra/paredown_ports.json"


@dataclasses.dataclass(frozen=True)
class Torch(Target):
    """PyTorch on the CPU, with a ``.pt2`` file that loads with torch alone.

    Eager files hold the graph itself (``torch.export.save``) and run anywhere. Compiled files hold machine code with
    the weights frozen in (AOTInductor), so they run on processors like the one they were made on; making them takes a
    C++ compiler and some 10 to 30 seconds. Their bytes differ from one compilation to the next. Opening a file sets the number of threads of the
    whole process.

    Attributes:
        threads: threads inside an operator.
        batch: examples per inference that latency is measured with.
        compiled: compile ahead of time.

    """

    compiled: bool = option(False, "Compile ahead of time; takes a C++ compiler.")
    name: ClassVar[str] = "PyTorch"
    suffix: ClassVar[str] = ".pt2"
    packages: ClassVar[tuple[str, ...]] = ("torch",)
    threads_scope: ClassVar[Literal["session", "process"]] = "process"

    @property
    def capabilities(self) -> "Capabilities":
        """Everything runs, in float32; rounded values are simulated and no faster, so 8 bits are not offered."""
        from paredown.graph.capabilities import Capabilities  # noqa: PLC0415 (targets import without torch)

        return Capabilities(name=self.name)

    @property
    def reproducible(self) -> bool:
        """Compiled code differs from one compilation to the next, archives tell when and from what they were made."""
        return False

    def write(self, network: "Network", path: Path) -> Lowering:
        """Write a ``.pt2`` file; see `Target.write`."""
        from paredown.targets import parity  # noqa: PLC0415 (NumPy, which not everybody with a target needs)

        refuse_bfloat16(network, self.name, inside=False)
        network = network.copy().cpu().eval()
        if self.compiled:
            _require_compiler()
        with tempfile.TemporaryDirectory(dir=path.parent) as directory:  # archives repeat their file's name
            package = Path(directory) / "network.pt2"
            if self.compiled:
                _compile(network, package)
            else:
                network.save(package)
            package.replace(path)
        with self.open_admitted(path) as session:
            parity.check(network, session, self.floors.float, self.name, self.batches)
        return Lowering(_operators(network))

    def fitting(self, path: str | os.PathLike[str]) -> "Torch":
        """Compiled or not, as the file is; see `Target.fitting`."""
        from paredown.graph.archive import is_compiled  # noqa: PLC0415 (torch is heavy)

        return dataclasses.replace(self, compiled=is_compiled(Path(path)))

    def lower(self, network: "Network", path: str | os.PathLike[str]) -> Artifact:
        """Write a ``.pt2`` file; see `Target.lower`. Compiled ones are noted as made here."""
        made = super().lower(network, path)
        if self.compiled:
            Programs().add(made.sha256)
        return made

    def open(self, path: str | os.PathLike[str], *, trust: bool = False) -> Session:
        """Open a ``.pt2`` file of the same kind (eager or compiled); imports torch only.

        Args:
            path: the file.
            trust: whoever made it may run programs here; see `admit`.

        Raises:
            LoweringError: the file is missing, or is not of this kind.
            TrustError: it is a program that was not made here, or holds what torch might run.

        """
        self.admit(path, trust=trust)
        return self.open_admitted(path)

    def admit(self, path: str | os.PathLike[str], *, trust: bool = False) -> None:
        """Refuse compiled packages that this user did not make, and archives that hold more than tensors and a graph.

        A compiled package is a shared library: loading it runs it. An eager archive is data; it is looked through (see
        `paredown.graph.archive`) whoever is trusted, for torch would unpickle what it names.

        Raises:
            LoweringError: the file is missing, or is not of this kind.
            TrustError: it is a program that was not made here, or holds what torch might run.

        """
        from paredown.graph.archive import check_archive, is_compiled  # noqa: PLC0415 (torch is heavy)

        path = Path(path)
        if not path.is_file():
            msg = f"{path} was given to PyTorch; there is no such file. Lower the network to it first."
            raise LoweringError(msg)
        compiled = is_compiled(path)
        if compiled:
            what = "a compiled package (AOTInductor), whose machine code runs as soon as it is loaded"
            Programs().admit(path, sha256_of(path), what, trust=trust)
        if compiled is not self.compiled:
            raise self._other(path, "it is compiled" if compiled else "it is not compiled")
        if not compiled:
            try:
                check_archive(path)
            except zipfile.BadZipFile as error:
                raise self._other(path, error) from error

    def _other(self, path: Path, why: object) -> LoweringError:
        return LoweringError(f"{self.version()} cannot open {path} with {self}: {why}. Open it as it was lowered.")

    def open_admitted(self, path: str | os.PathLike[str]) -> Session:
        """Open a file that was admitted before, without looking at it again."""
        import torch  # noqa: PLC0415 (heavy)

        path = Path(path)
        try:
            if self.compiled:
                with zipfile.ZipFile(path) as archive:
                    found = next(name for name in archive.namelist() if name.endswith(_PORTS))
                    ports = json.loads(archive.read(found))
                session: _TorchSession = _CompiledSession(torch._inductor.aoti_load_package(str(path)), ports)
            else:
                session = _EagerSession(torch.export.load(path))
        except (RuntimeError, StopIteration, zipfile.BadZipFile, KeyError, ValueError) as error:
            raise self._other(path, error) from error
        session.restore = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        return session


class _TorchSession(Session):
    restore: int | None = None  # threads of this process before the session was opened

    def __init__(self, call: Any, inputs: tuple[Port, ...], outputs: tuple[Port, ...]) -> None:
        self._call = call
        self.inputs, self.outputs = inputs, outputs

    def run(self, feeds: "Sequence[npt.NDArray[Any]]") -> "list[np.ndarray[Any, Any]]":
        import torch  # noqa: PLC0415 (heavy)

        with torch.no_grad():
            results = self._call(*(torch.from_numpy(feed) for feed in feeds))
        results = results if isinstance(results, tuple | list) else (results,)
        return [result.numpy() for result in results]

    def close(self) -> None:
        import torch  # noqa: PLC0415 (heavy)

        self._call = None
        if self.restore is not None:
            torch.set_num_threads(self.restore)
            self.restore = None


class _EagerSession(_TorchSession):
    def __init__(self, program: Any) -> None:
        nodes = {node.name: node for node in program.graph.nodes}
        inputs = tuple(_port(nodes[name]) for name in program.graph_signature.user_inputs)
        outputs = tuple(
            _port(nodes[name], f"output_{index}" if index else "output")
            for index, name in enumerate(program.graph_signature.user_outputs)
        )
        super().__init__(program.module(check_guards=False), inputs, outputs)


class _CompiledSession(_TorchSession):
    def __init__(self, call: Any, ports: Any) -> None:
        inputs, outputs = ([Port(name, dtype, tuple(shape)) for name, dtype, shape in side] for side in ports)
        super().__init__(call, tuple(inputs), tuple(outputs))


def _port(node: Any, name: str = "") -> Port:
    value = node.meta["val"]
    shape = tuple(size if isinstance(size, int) else None for size in value.shape)
    return Port(name or node.name, str(value.dtype).removeprefix("torch."), shape)


def _operators(network: "Network") -> dict[str, int]:
    counts: dict[str, int] = {}
    for node in network.nodes():
        if node.op == "call_function":
            counts[str(node.target)] = counts.get(str(node.target), 0) + 1
    return dict(sorted(counts.items()))


def _require_compiler() -> None:
    wanted = os.environ.get("CXX") or "g++"
    if not any(shutil.which(name) for name in (wanted, "g++", "clang++", "c++")):
        msg = (
            "Torch(compiled=True) was given; it makes machine code and found no C++ compiler here (looked for "
            f"{wanted}, g++, clang++, c++). Install one (Debian: `apt install g++`), or use Torch()."
        )
        raise LoweringError(msg)


def _compile(network: "Network", path: Path) -> None:
    import torch  # noqa: PLC0415 (heavy)

    with torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit", category=DeprecationWarning)
        eager = path.with_name("eager.pt2")
        network.save(eager)  # stock operators only
        program = torch.export.load(eager)
        program.example_inputs = (network.example, {})
        eager.unlink()
        ports = _EagerSession(program)
        settings = {"freezing": True}
        torch._inductor.aoti_compile_and_package(program, package_path=str(path), inductor_configs=settings)
    with zipfile.ZipFile(path, "a") as archive:
        root = archive.namelist()[0].partition("/")[0]
        archive.writestr(zipfile.ZipInfo(f"{root}/{_PORTS}"), json.dumps([ports.inputs, ports.outputs]))
