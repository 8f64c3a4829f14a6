"""What the file computes: the stored outputs for the stored inputs, and room for 8-bit sums."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from paredown.errors import InputError, LoweringError, MeasureError
from paredown.measure.probe import probe
from paredown.measure.processor import processor
from paredown.verdict.certificate import Probe
from paredown.verdict.checks.check import Case, Check, Held

__all__ = ["outputs_of", "sums_of"]


def outputs_of(case: Case) -> Check:
    """Whether it loads here and gives the outputs that are stored in the certificate."""
    stored = case.claimed.probe
    if stored is None:
        text = "The certificate holds no inputs and outputs to try; every certificate that Paredown writes does."
        return Check("outputs", Held.FAILS, text=text)
    claimed = f"the stored outputs to {stored.floor_db:.0f} dB"
    if problem := _hollow(stored, case.target.floors.quantized.decibels):
        return Check("outputs", Held.FAILS, claimed, text=problem)
    try:
        outputs = probe(case.path, stored.inputs, target=case.target, trust=case.trust)
    except (MeasureError, InputError, LoweringError) as error:
        return Check("outputs", Held.FAILS, claimed, text=f"The file does not run here: {error}")
    if len(outputs) != len(stored.outputs):
        return Check("outputs", Held.FAILS, f"{len(stored.outputs)} outputs", f"{len(outputs)}")
    worst = min(_decibel(was, now) for was, now in zip(stored.outputs, outputs, strict=True))
    found = "them bit for bit" if worst == np.inf else f"them to {worst:.0f} dB"
    return Check("outputs", Held.HOLDS if worst >= stored.floor_db else Held.FAILS, claimed, found)


def _hollow(stored: Probe, least: float) -> str:
    """Why stored outputs would say nothing even if they came out; empty where they say something."""
    if not stored.inputs or not stored.outputs or not all(array.size for array in (*stored.inputs, *stored.outputs)):
        return "There are no numbers in the stored inputs and outputs."
    if not stored.floor_db >= least:
        return f"No certificate that Paredown writes is content with less than {least:.0f} dB."
    return ""


def sums_of(case: Case, outputs: Check) -> list[Check]:
    """Whether this processor adds up the products of 8-bit numbers as the certified one did; nothing without such."""
    bits = case.claimed.weight_bits
    if bits is None:
        return []
    room = case.target.capabilities.int8.sum_bits
    claimed, found = f"8-bit weights in {bits} bits", f"room for {room} bits in the sums of this processor"
    if bits <= room:
        return [Check("sums", Held.HOLDS, claimed, found)]
    seen = "That may be why its outputs are others."
    if outputs.outcome is Held.HOLDS:
        seen = "The stored outputs agree as far as asked, others may not; its score here tells (`--task module:name`)."
    text = (
        f"Sums in {case.target.capabilities.name}'s kernels may overflow on {processor()}. It was certified on "
        f"{case.claimed.processor}. {seen} Make the file again on this machine, or "
        f"{case.target.within(room)} (docs/findings/pd113.md)."
    )
    return [Check("sums", Held.WARNS, claimed, found, text)]


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
