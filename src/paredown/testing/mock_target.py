"""A target that needs no runtime: the network's own archive, run by torch."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from zipfile import BadZipFile

import torch

from paredown.errors import CorruptError, LoweringError
from paredown.graph.archive import check_archive
from paredown.graph.capabilities import Capabilities
from paredown.graph.network import Network
from paredown.targets import Lowering, Port, Session, Target

if TYPE_CHECKING:
    import numpy as np

__all__ = ["MockTarget"]


@dataclasses.dataclass(frozen=True)
class MockTarget(Target):
    """Lowers in milliseconds, for tests of whatever works with files."""

    name: ClassVar[str] = "Mock"
    suffix: ClassVar[str] = ".pt2"
    packages: ClassVar[tuple[str, ...]] = ("torch",)

    @property
    def capabilities(self) -> Capabilities:
        """Float only."""
        return Capabilities(self.name)

    @property
    def reproducible(self) -> bool:
        """Archives tell when they were made."""
        return False

    def write(self, network: Network, path: Path) -> Lowering:
        """Save the network."""
        network.copy().eval().save(path)
        return Lowering()

    def open(self, path: str | os.PathLike[str]) -> Session:
        """Load the archive with torch alone."""
        try:
            check_archive(Path(path))
            return _Opened(Path(path))
        except (CorruptError, OSError, BadZipFile) as error:
            msg = f"{path} cannot be opened by {self.name} ({error}). Lower the network to it first."
            raise LoweringError(msg) from error

    def version(self) -> str:
        """Torch's own."""
        return f"mock, torch {torch.__version__}"


class _Opened(Session):
    def __init__(self, path: Path) -> None:
        network = Network.load(path)
        self.inputs = tuple(
            Port(
                spec.name,
                str(spec.dtype).removeprefix("torch."),
                tuple(s if isinstance(s, int) else None for s in spec.shape),
            )
            for spec in network.inputs
        )
        results = next(node for node in network.nodes() if node.op == "output").all_input_nodes
        self.outputs = tuple(
            Port(f"output_{i}", str(node.meta["val"].dtype).removeprefix("torch."), (None,) * node.meta["val"].ndim)
            for i, node in enumerate(results)
        )
        self._module: torch.nn.Module = torch.export.load(path).module()

    def run(self, feeds: Sequence["np.ndarray[Any, Any]"]) -> list["np.ndarray[Any, Any]"]:
        with torch.no_grad():
            return [output.numpy() for output in self._module(*(torch.from_numpy(feed) for feed in feeds))]

    def close(self) -> None:
        self._module = torch.nn.Module()
