"""What the ledger keeps of a trial."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from paredown.measure.latency import Latency
from paredown.measure.quality import Quality
from paredown.measure.size import Size
from paredown.run.summary import StepSummary
from paredown.targets import Lowering
from paredown.verdict.measured import Measured

__all__ = ["Shape", "TrialResult"]


def _none() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclasses.dataclass(frozen=True)
class TrialResult:
    """One file and what `select` said of it.

    Attributes:
        file: blob of the lowered file.
        network: blob of the network it was lowered from.
        rows: score's name to blob of its rows on select, ``[n, k]``; the task's own score has the empty name.
        size: of the file.
        macs: multiplications per example.
        parameters: of the network.
        steps: how it came about.
        quality: on select, against the original's file.
        guards: further scores.
        ms: latency at a quick look at a file of this layout (the ratio to the original, in the original's
            milliseconds): guides the search and decides nothing.
        latency: measured with an interval while searching; None where the time did not allow it.
        lowering: what became of the quantized operators.
        trained: seconds of training in all its steps.
        stepping: seconds of these inside of optimizer steps.
        made: optimizer steps that these seconds went to; trainings shared with an earlier recipe are not counted.
        layout: fingerprint of operators and shapes: files with the same one are equally fast.
        channels: outputs per layer, by the user's module path.
        sparsity: share of the parameters that are zeros of sparse weights.

    """

    file: str
    network: str
    rows: Mapping[str, str]
    size: Size
    macs: int
    parameters: int
    steps: tuple[StepSummary, ...]
    quality: Quality
    guards: Mapping[str, Quality] = dataclasses.field(default_factory=_none)
    ms: float | None = None
    latency: Latency | None = None
    lowering: Lowering = dataclasses.field(default_factory=Lowering)
    trained: float = 0.0
    stepping: float = 0.0
    made: int = 0
    layout: str = ""
    channels: Mapping[str, int] = dataclasses.field(default_factory=_none)
    sparsity: float = 0.0

    @property
    def sha256(self) -> str:
        """Hash of the file."""
        return self.file.partition(".")[0]

    def measured(self, label: str) -> Measured:
        """As `paredown.verdict` takes it."""
        return Measured(label, self.latency, self.quality, self.size, guards=self.guards)


@dataclasses.dataclass(frozen=True)
class Shape:
    """An untrained network of a shape: lowered and timed.

    Attributes:
        macs: share of the original's multiplications.
        quantized: it computes in 8 bits.
        kind: what was cut (`Picks.kind`).
        values: ``size`` in bytes and ``latency`` in ms (the ratio to the original, in the original's milliseconds).
        failure: why there is no file; the other fields then say nothing.

    """

    macs: float
    quantized: bool
    kind: str = ""
    values: Mapping[str, float] = dataclasses.field(default_factory=_none)
    failure: str = ""
