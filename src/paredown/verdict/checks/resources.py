"""What it takes besides time: memory and energy."""

from paredown.errors import InputError, LoweringError, MeasureError
from paredown.measure.energy import energy
from paredown.measure.memory import memory
from paredown.verdict.checks.check import Case, Check, Held

__all__ = ["energy_of", "memory_of"]

_MORE = 0.1  # processes of one file differ by less (and by the spread that was seen)
_IMPORTS = 32 << 20  # what else a process loads differs by so much from one installation to the next
_METER = 1.5


def memory_of(case: Case) -> list[Check]:
    """Whether it adds no more than the certified memory to an empty process; nothing where none is claimed."""
    was = case.claimed.memory
    if was is None:
        return []
    claimed = f"{_mb(was.over_empty_bytes)} over an empty process"
    if problem := case.elsewhere:
        return [Check("memory", Held.NOT_CHECKED, claimed, text=problem)]
    inputs = None if case.claimed.probe is None else case.claimed.probe.inputs
    try:
        now = memory(case.path, target=case.target, inputs=inputs, trust=case.trust)
    except (MeasureError, InputError, LoweringError) as error:
        return [Check("memory", Held.FAILS, claimed, text=str(error))]
    room = was.over_empty_bytes * (1 + _MORE) + max(was.spread_bytes, now.spread_bytes) + _IMPORTS
    outcome = Held.HOLDS if now.over_empty_bytes <= room else Held.FAILS
    return [Check("memory", outcome, claimed, _mb(now.over_empty_bytes))]


def energy_of(case: Case) -> list[Check]:
    """Whether it takes no more than the certified energy; estimates are no claims, so there is nothing of them."""
    was = case.claimed.energy
    if was is None or was.estimated:
        return []
    claimed = f"{was.mj:.3g} mJ"
    if problem := case.elsewhere:
        return [Check("energy", Held.NOT_CHECKED, claimed, text=problem)]
    inputs = None if case.claimed.probe is None else case.claimed.probe.inputs
    try:
        now = energy(case.path, target=case.target, inputs=inputs, trust=case.trust)
    except (MeasureError, InputError, LoweringError) as error:
        return [Check("energy", Held.FAILS, claimed, text=str(error))]
    if now.estimated:
        return [Check("energy", Held.NOT_CHECKED, claimed, text="The processor's counters cannot be read here.")]
    return [Check("energy", Held.HOLDS if now.mj <= _METER * was.mj else Held.FAILS, claimed, f"{now.mj:.3g} mJ")]


def _mb(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
