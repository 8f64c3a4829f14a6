"""Everything a run has to tell, as plain data: what reports render and ``--json`` prints.

The search fills these in, the report draws them; neither computes anything afterwards. Times are milliseconds, sizes
bytes, energies millijoules; scores are in the score's own unit.
"""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from paredown.measure.interval import Interval

__all__ = [
    "CandidateSummary",
    "FindingSummary",
    "LimitSummary",
    "PairSummary",
    "RoundedSummary",
    "RoundingSummary",
    "RunSummary",
    "StepSummary",
]


def _empty() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclasses.dataclass(frozen=True)
class StepSummary:
    """One step of a recipe as it was carried out."""

    title: str  # prune.Channels(keep=0.5)
    family: str  # prune, quantize, distill, regularize, architecture or train
    reason: str  # why the plan decided so
    seconds: float
    macs: int  # of the network after this step
    parameters: int
    history: tuple[Mapping[str, float], ...] = ()  # one row per epoch: epoch, loss, select, lr
    cached: bool = False
    plan: Mapping[str, Any] = dataclasses.field(default_factory=_empty)


@dataclasses.dataclass(frozen=True)
class CandidateSummary:
    """One file that was tried; the original is one of them."""

    id: str
    label: str  # short, for legends: 'prune 0.5 + distill + int8'
    families: tuple[str, ...]  # in the order applied; empty for the original and the control
    role: str  # original, control, arm, trial
    status: str  # measured, failed, skipped
    steps: tuple[StepSummary, ...] = ()
    failure: str = ""  # the reason where it failed or was skipped
    file: str = ""  # path relative to the run directory
    sha256: str = ""
    score: Interval | None = None  # on select; on judge where `judged`
    drop: Interval | None = None  # original minus candidate, positive = worse, same split as score
    latency: Interval | None = None  # p50, ms
    p95: Interval | None = None
    p99: Interval | None = None
    ratio: Interval | None = None  # candidate / original
    next_run: Interval | None = None
    throughput: float | None = None  # examples per second
    load: float | None = None  # ms
    first: float | None = None  # ms
    size: int | None = None
    compressed: int | None = None
    memory: int | None = None
    energy: float | None = None  # mJ per example
    energy_estimated: bool = True
    macs: int | None = None
    parameters: int | None = None
    judged: bool = False
    frontier: bool = False
    best: bool = False
    seconds: float = 0.0  # what the trial took
    note: str = ""  # why it says nothing about its technique, where it does not


@dataclasses.dataclass(frozen=True)
class LimitSummary:
    """One limit of the budget and whether the best file meets it."""

    quantity: str
    limit: str  # as the user wrote it: 'latency ≤ 40%'
    bound: float  # absolute, in the unit below
    value: Interval | None
    unit: str
    outcome: str  # meets, misses, cannot tell
    binding: bool = False
    advice: str = ""  # what relaxing it would buy


@dataclasses.dataclass(frozen=True)
class PairSummary:
    """One head-to-head."""

    a: str  # labels of candidates
    b: str
    quantity: str  # score, latency, size, memory
    difference: Interval | None  # b relative to a, in the unit below
    unit: str
    outcome: str  # a wins, b wins, tie, cannot tell
    p: float | None = None  # Holm-corrected
    scope: str = "files"


@dataclasses.dataclass(frozen=True)
class FindingSummary:
    """One explained surprise."""

    code: str  # PD101
    title: str
    severity: str  # issue, tip, passed, not applicable
    text: str
    candidate: str = ""


@dataclasses.dataclass(frozen=True)
class RoundedSummary:
    """One value that the best file rounds."""

    node: str
    layer: str  # the user's module path, empty at the root
    snr_db: float  # with all rounding up to here, against none
    own_db: float  # of the rounding at this place alone
    file_db: float | None  # of the file against the rounded network
    cosine: float
    clipped: float  # share of the values outside of the range
    tail: float  # the largest magnitude over that of 99.9 %
    spread: float  # the largest channel's magnitude over the median's
    reason: str


@dataclasses.dataclass(frozen=True)
class RoundingSummary:
    """What rounding does inside of the best file."""

    candidate: str
    examples: int
    nodes: tuple[RoundedSummary, ...]  # in the order of the graph
    first: str = ""  # the first value with less than 20 dB
    first_in_file: str = ""  # the first value that the file computes differently


@dataclasses.dataclass(frozen=True)
class RunSummary:
    """A whole run."""

    title: str
    command: str  # compress, compare, apply
    created: str  # ISO 8601
    status: str  # finished, interrupted, running
    verdict: str  # one sentence
    met: bool | None
    score_name: str
    score_unit: str
    score_higher_is_better: bool
    target: str  # ONNX Runtime, 1 thread, batch 1
    runtime: str  # onnxruntime 1.31.1
    processor: str
    threads: int
    batch: int
    seed: int
    time_limit_s: float
    time_used_s: float
    data: Mapping[str, int]  # examples per split
    candidates: tuple[CandidateSummary, ...]
    limits: tuple[LimitSummary, ...]
    pairs: tuple[PairSummary, ...]
    findings: tuple[FindingSummary, ...]
    margins: Mapping[str, float] = dataclasses.field(default_factory=_empty)
    openings: int = 0  # how often this judge data has been opened, this run included
    versions: Mapping[str, str] = dataclasses.field(default_factory=_empty)
    rounding: RoundingSummary | None = None  # where the best file is quantized
    purposes: Mapping[str, float] = dataclasses.field(default_factory=_empty)  # seconds by what they were spent on

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return _plain(self)  # type: ignore[no-any-return]


def _plain(thing: Any) -> Any:
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return {f.name: _plain(getattr(thing, f.name)) for f in dataclasses.fields(thing)}
    if isinstance(thing, Mapping):
        return {str(key): _plain(value) for key, value in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [_plain(item) for item in thing]
    return thing
