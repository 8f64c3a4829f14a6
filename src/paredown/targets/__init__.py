"""Runtimes: where a network becomes a file, and a file runs. Importing this does not import torch."""

import inspect
import os
from pathlib import Path
from typing import TYPE_CHECKING

from paredown.targets.artifact import Artifact, Lowering
from paredown.targets.batches import AnyBatch, Batches, Fixed, UpTo
from paredown.targets.floors import Floor, Floors
from paredown.targets.onnxruntime import OnnxRuntime
from paredown.targets.stopwatch import Stopwatch
from paredown.targets.target import Port, Session, Target
from paredown.targets.torch import Torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from paredown.graph.capabilities import Capabilities

__all__ = [
    "AnyBatch",
    "Artifact",
    "Batches",
    "Fixed",
    "Floor",
    "Floors",
    "Lowering",
    "OnnxRuntime",
    "Port",
    "Session",
    "Stopwatch",
    "Target",
    "Torch",
    "UpTo",
    "default",
    "having",
    "of",
    "runtimes",
]


def default() -> Target:
    """The runtime that is taken where none is named: ONNX Runtime with one thread."""
    return OnnxRuntime()


def runtimes() -> tuple[type[Target], ...]:
    """Every runtime of this package, the default one first."""
    public = [globals()[name] for name in __all__]
    kinds = [kind for kind in public if inspect.isclass(kind) and issubclass(kind, Target)]
    usual = type(default())
    return (usual, *(kind for kind in kinds if kind is not usual and not inspect.isabstract(kind)))


def of(path: str | os.PathLike[str]) -> Target | None:
    """The runtime whose files end as `path` does, with its usual settings; None where there is none."""
    return next((kind() for kind in runtimes() if kind.suffix == Path(path).suffix), None)


def having(able: "Callable[[Capabilities], object]") -> tuple[type[Target], ...]:
    """The runtimes, with their usual settings, of whose capabilities something is true."""
    return tuple(kind for kind in runtimes() if able(kind().capabilities))
