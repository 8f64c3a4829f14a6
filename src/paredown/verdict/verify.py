"""Measuring again what a certificate claims."""

import dataclasses
import enum
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from paredown import codec
from paredown.errors import CertificateError, InputError, MeasureError
from paredown.measure.latency import Latency, latency
from paredown.measure.probe import probe
from paredown.measure.processor import processor
from paredown.measure.quality import quality
from paredown.verdict.certificate import Certificate, file_sha256
from paredown.verdict.rows import rows_of

if TYPE_CHECKING:
    from paredown.targets import Target
    from paredown.task import Task

__all__ = ["Check", "Held", "Verified", "verify"]


class Held(enum.StrEnum):
    """What became of one claim."""

    HOLDS = "holds"
    WARNS = "warning"
    FAILS = "fails"
    NOT_CHECKED = "not checked"
    NOT_COMPARABLE = "not comparable"


@dataclasses.dataclass(frozen=True)
class Check:
    """One claim: ``hash``, ``parity``, ``sums``, ``latency`` or ``quality``, and what was seen."""

    name: str
    outcome: Held
    text: str

    def __str__(self) -> str:
        return f"{self.name}: {self.outcome}. {self.text}"


@dataclasses.dataclass(frozen=True)
class Verified:
    """A certificate held against its file.

    Attributes:
        file: the file.
        checks: one per claim.
        certificate: what was claimed.

    """

    file: Path
    checks: tuple[Check, ...]
    certificate: Certificate

    @property
    def holds(self) -> bool:
        """No claim failed."""
        return all(check.outcome is not Held.FAILS for check in self.checks)

    @property
    def headline(self) -> str:
        """One sentence: whether it holds, and whether there is a warning."""
        warned = any(check.outcome is Held.WARNS for check in self.checks)
        holds = f"holds{', with a warning' if warned else ''}" if self.holds else "does not hold"
        return f"The certificate of {self.file.name} {holds}."

    def __str__(self) -> str:
        return "\n".join([self.headline, *(f"  {check}" for check in self.checks)])


def verify(  # noqa: PLR0913 (one call, everything about it in sight)
    file: str | os.PathLike[str],
    *,
    task: "Task | None" = None,
    original: str | os.PathLike[str] | None = None,
    target: "Target | None" = None,
    register: Callable[[str], int] | None = None,
    pairs: tuple[int, int] = (5, 9),
    time_limit: float = 120.0,
) -> Verified:
    """Check the file's hash, that it loads and computes what it did, its latency, and with a task its quality.

    Where its weights take 8 bits and sums of 8-bit products may overflow on this processor, that is a warning: the
    stored outputs may agree to their floor and others not.

    Args:
        file: the certified file; the certificate lies beside it.
        task: to score the file again on the same examples.
        original: the original's file, to compare ratios instead of milliseconds.
        target: the runtime, for targets that are not Paredown's own.
        register: counts openings of ``judge`` (see ``Sealed.open``); needed where the quality was measured on it.
        pairs: least and most number of rounds of the latency.
        time_limit: seconds after which no further round is started.

    Raises:
        CertificateError: no certificate, or one that cannot be read.

    """
    path = Path(file)
    claimed = Certificate.read(path)
    found = file_sha256(path)
    if found != claimed.sha256:
        told = f"The file has SHA-256 {found[:16]}..., the certificate is for {claimed.sha256[:16]}...."
        rest = [Check(name, Held.NOT_CHECKED, "It is another file.") for name in ("parity", "latency", "quality")]
        return Verified(path, (Check("hash", Held.FAILS, told), *rest), claimed)
    runs_on = target or _target(claimed)
    parity = _parity(path, claimed, runs_on)
    checks = [Check("hash", Held.HOLDS, f"SHA-256 {found[:16]}..."), parity, *_sums(claimed, runs_on, parity)]
    if parity.outcome is Held.FAILS:
        checks += [
            Check(name, Held.NOT_CHECKED, "The file does not compute what it did.") for name in ("latency", "quality")
        ]
        return Verified(path, tuple(checks), claimed)
    checks.append(_latency(path, claimed, runs_on, original, (pairs, time_limit)))
    checks.append(_quality(path, claimed, runs_on, task, register))
    return Verified(path, tuple(checks), claimed)


def _target(claimed: Certificate) -> Any:
    """The certified target; only Paredown's own are built from what a file says."""
    kind = str(claimed.target.get("type", "")) if isinstance(claimed.target, dict) else ""
    if not kind.startswith("paredown.targets."):
        msg = f"The certificate names the target {kind!r}, which is not Paredown's own. Pass it: `target=...`."
        raise CertificateError(msg)
    return codec.decode(claimed.target)


def _parity(path: Path, claimed: Certificate, target: Any) -> Check:
    if claimed.probe is None:
        return Check("parity", Held.NOT_CHECKED, "The certificate holds no probe inputs.")
    try:
        outputs = probe(path, claimed.probe.inputs, target=target)
    except (MeasureError, InputError) as error:
        return Check("parity", Held.FAILS, f"The file does not run here: {error}")
    if len(outputs) != len(claimed.probe.outputs):
        text = f"{len(outputs)} outputs instead of {len(claimed.probe.outputs)}."
        return Check("parity", Held.FAILS, text)
    worst = min((_decibel(was, now) for was, now in zip(claimed.probe.outputs, outputs, strict=True)), default=np.inf)
    told = "bit for bit" if worst == np.inf else f"to {worst:.0f} dB"
    if worst >= claimed.probe.floor_db:
        return Check("parity", Held.HOLDS, f"It loads and gives the stored outputs {told}.")
    return Check(
        "parity", Held.FAILS, f"It gives other outputs: {told}, at least {claimed.probe.floor_db:.0f} dB holds."
    )


def _sums(claimed: Certificate, target: Any, parity: Check) -> list[Check]:
    """Whether this processor adds up the products of 8-bit numbers as the certified one did; nothing without such."""
    bits = claimed.weight_bits
    if bits is None:
        return []
    room = target.capabilities.int8_sum_bits
    if bits <= room:
        return [Check("sums", Held.HOLDS, f"Its 8-bit weights take {bits} bits, which sums have room for here.")]
    seen = "That may be why its outputs are others."
    if parity.outcome is Held.HOLDS:
        seen = "The stored outputs agree as far as asked, others may not; its score here tells (`--task module:name`)."
    text = (
        f"Its 8-bit weights take {bits} bits, and sums in {target.capabilities.name}'s kernels have room for {room} on "
        f"this processor, {processor()}: they may overflow. It was certified on {claimed.processor}. {seen} Make the "
        f"file again on this machine, or with `target=targets.OnnxRuntime(weight_bits={room})` (docs/findings/pd113.md)."
    )
    return [Check("sums", Held.WARNS, text)]


def _decibel(was: NDArray[Any], now: NDArray[Any]) -> float:
    """Signal to difference over a whole output; infinite where equal (NaN in the same places), minus infinite where not alike."""
    if was.shape != now.shape or was.dtype != now.dtype:
        return -np.inf
    if np.array_equal(was, now, equal_nan=was.dtype.kind == "f"):
        return np.inf
    before, after = was.astype(float), now.astype(float)
    if not np.array_equal(np.isfinite(before), np.isfinite(after)):
        return -np.inf
    keep = np.isfinite(before)
    noise, signal = np.square(before[keep] - after[keep]).sum(), np.square(before[keep]).sum()
    return float(10 * np.log10(signal / noise)) if signal > 0 and noise > 0 else -np.inf


def _latency(
    path: Path,
    claimed: Certificate,
    target: Any,
    original: str | os.PathLike[str] | None,
    effort: tuple[tuple[int, int], float],
) -> Check:
    was = claimed.latency
    if was is None:
        return Check("latency", Held.NOT_CHECKED, "The certificate claims none.")
    problem = _elsewhere(claimed, target, original)
    if problem:
        return Check("latency", Held.NOT_COMPARABLE, problem)
    compared = original is not None and was.ratio is not None
    files: dict[str, Any] = {"original": original, "file": path} if compared else {"file": path}
    inputs = None if claimed.probe is None else claimed.probe.inputs
    try:
        now = latency(files, target=target, pairs=effort[0], time_limit=effort[1], inputs=inputs)["file"]
    except MeasureError as error:
        return Check("latency", Held.FAILS, str(error))
    return _against(was, now)


def _against(was: Latency, now: Latency) -> Check:
    """The latency now held against the certified one: the ratio where both have one, else the milliseconds."""
    if now.ratio is not None and was.next_run is not None:
        text = (
            f"{now.ratio.estimate:.3f} of the original's time [{now.ratio.low:.3f}, {now.ratio.high:.3f}]; a further "
            f"run was expected between {was.next_run.low:.3f} and {was.next_run.high:.3f}."
        )
        return Check("latency", Held.FAILS if now.ratio.low > was.next_run.high else Held.HOLDS, text)
    text = (
        f"p50 {now.p50.estimate:.3g} ms [{now.p50.low:.3g}, {now.p50.high:.3g}]; a further run was expected between "
        f"{was.next_p50.low:.3g} and {was.next_p50.high:.3g} ms."
    )
    if now.p50.low <= was.next_p50.high:
        return Check("latency", Held.HOLDS, text)
    advice = " Alone, a slower file cannot be told from a busier machine: give the original's file as well."
    return Check("latency", Held.NOT_COMPARABLE, text + advice)


def _elsewhere(claimed: Certificate, target: Any, original: str | os.PathLike[str] | None) -> str:
    """Why the latency cannot be compared here; empty where it can."""
    here = processor()
    if (here.model, here.features) != (claimed.processor.model, claimed.processor.features):
        return f"It was certified on {claimed.processor}; this is {here}."
    if target.version() != claimed.runtime:
        return f"It was certified with {claimed.runtime}; this is {target.version()}."
    if original is not None and claimed.original is not None and file_sha256(original) != claimed.original.sha256:
        return f"{os.fspath(original)!r} is not the original that was certified against."
    return ""


def _quality(
    path: Path, claimed: Certificate, target: Any, task: "Task | None", register: Callable[[str], int] | None
) -> Check:
    was, data = claimed.quality, claimed.data
    if was is None or data is None:
        return Check("quality", Held.NOT_CHECKED, "The certificate claims none.")
    if task is None:
        return Check("quality", Held.NOT_CHECKED, "Quality not re-checked: no task was given (`--task module:name`).")
    if data.split == "judge":
        if task.data.judge.fingerprint != data.fingerprint:
            return Check(
                "quality", Held.NOT_COMPARABLE, "The task's judge holds other examples than the certified ones."
            )
        if register is None:
            text = "It was measured on judge; opening that needs a `register` that counts."
            return Check("quality", Held.NOT_CHECKED, text)
        split = task.data.judge.open(register)
    else:
        split = task.data.work.select
        if split.fingerprint() != data.fingerprint:
            return Check(
                "quality", Held.NOT_COMPARABLE, "The task's select holds other examples than the certified ones."
            )
    rows = rows_of(path, split, task, structure=data.structure, target=target)[""]
    now = quality(rows, rows, task.score).score
    text = (
        f"{data.score} {now.estimate:.4g} {data.unit} on {len(rows)} examples; certified {was.score.estimate:.4g} "
        f"[{was.score.low:.4g}, {was.score.high:.4g}]."
    )
    return Check("quality", Held.HOLDS if was.score.low <= now.estimate <= was.score.high else Held.FAILS, text)
