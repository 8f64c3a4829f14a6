"""How fast it is: milliseconds, and its part of the original's time."""

import dataclasses
import math
from typing import Any

from paredown.errors import InputError, LoweringError, MeasureError
from paredown.measure import student
from paredown.measure.interval import Interval
from paredown.measure.latency import Latency, latency
from paredown.verdict.certificate import file_sha256
from paredown.verdict.checks.check import Case, Check, Held

__all__ = ["Effort", "timing_of"]

_BUSY = 2.0
"""A busier machine is taken to make a file at most so many times slower; what is beyond is the file's."""

_ROUNDING = 1e-6
_WIDER = 1.25  # times as wide as the stored samples make it: no version of the interval differs by more


@dataclasses.dataclass(frozen=True)
class Effort:
    """Least and most number of rounds, and seconds after which no further one is started."""

    pairs: tuple[int, int]
    time_limit: float


def timing_of(case: Case, effort: Effort) -> list[Check]:
    """Whether the file takes the certified time here, and the certified part of the original's."""
    was = case.claimed.latency
    if was is None:
        return [Check("latency", Held.NOT_CHECKED, text="The certificate claims none.")]
    checks = [check for check in (_own_samples(was), _own_pairs(was)) if check]
    if checks:
        return checks
    told = [Check("latency", Held.NOT_CHECKED, _ms(was.p50))]
    told += [Check("ratio", Held.NOT_CHECKED, _times(was.ratio))] if was.ratio else []
    if problem := case.elsewhere or _of_another_place(case, was):
        return [dataclasses.replace(check, text=problem) for check in told]
    if problem := _other_original(case):
        now = _measured(dataclasses.replace(case, original=None), effort)
        return [_against_ms(was, now), *(dataclasses.replace(check, text=problem) for check in told[1:])]
    now = _measured(case, effort)
    return [_against_ms(was, now), *_against_ratio(was, now)]


def _measured(case: Case, effort: Effort) -> Latency | str:
    """What it takes now; in words where it cannot be timed."""
    compared = case.original is not None and case.claimed.latency is not None and case.claimed.latency.ratio is not None
    files: dict[str, Any] = {"original": case.original} if compared else {}
    inputs = None if case.claimed.probe is None else case.claimed.probe.inputs
    try:
        return latency(
            {**files, "file": case.path},
            target=case.target,
            pairs=effort.pairs,
            time_limit=effort.time_limit,
            inputs=inputs,
            trust=case.trust,
        )["file"]
    except (MeasureError, InputError, LoweringError) as error:
        return str(error)


def _of_another_place(case: Case, was: Latency) -> str:
    """Why times cannot be compared even on this processor; empty where they can."""
    if was.threads != case.target.threads or was.batch != case.target.batch:
        return (
            f"It was measured with {was.threads} threads and batches of {was.batch}; the certified target has "
            f"{case.target.threads} and {case.target.batch}."
        )
    return ""


def _other_original(case: Case) -> str:
    certified = case.claimed.original
    if case.original is None or certified is None or file_sha256(case.original, case.target) == certified.sha256:
        return ""
    return f"{str(case.original)!r} is not the original that was certified against (SHA-256 {certified.sha256[:16]}…)."


def _own_samples(was: Latency) -> Check | None:
    """A failure where the claimed milliseconds are not those of the stored samples; no machine is needed for that."""
    if len(was.samples) < 2 or not all(0 < value < math.inf for value in was.samples):
        return Check("latency", Held.FAILS, _ms(was.p50), text="It stores no samples that this could come from.")
    logs = [math.log(value) for value in was.samples]
    mean, ahead = math.exp(student.interval(logs).estimate), student.interval(logs, kind="prediction")
    if _is(was.p50, mean) and _is_within(was.next_p50, ahead):
        return None
    text = f"Its own {len(logs)} samples say otherwise: the certificate was changed."
    return Check("latency", Held.FAILS, _ms(was.p50), f"a mean of {mean:.3g} ms in its samples", text)


def _own_pairs(was: Latency) -> Check | None:
    """The same of the ratio and its pairs."""
    if was.ratio is None:
        return None
    if len(was.log_ratios) < 2 or was.next_run is None:
        return Check("ratio", Held.FAILS, _times(was.ratio), text="It stores no pairs that this could come from.")
    mean = math.exp(min(student.interval(was.log_ratios).estimate, 700.0))
    if _is(was.ratio, mean) and _is_within(was.next_run, student.interval(was.log_ratios, kind="prediction")):
        return None
    text = f"Its own {len(was.log_ratios)} pairs say otherwise: the certificate was changed."
    return Check("ratio", Held.FAILS, _times(was.ratio), f"{mean:.3f} in its pairs", text)


def _is(claimed: Interval, mean: float) -> bool:
    return math.isclose(claimed.estimate, mean, rel_tol=_ROUNDING) and claimed.low <= claimed.estimate <= claimed.high


def _is_within(claimed: Interval, logs: Interval) -> bool:
    """Whether an upper end is not far beyond what the samples make of it."""
    return (
        0 < claimed.high <= math.exp(min(logs.estimate + _WIDER * (logs.high - logs.estimate), 700.0)) * (1 + _ROUNDING)
    )


def _against_ms(was: Latency, now: Latency | str) -> Check:
    claimed = f"p50 {_ms(was.p50)}, a further run up to {was.next_p50.high:.3g} ms"
    if isinstance(now, str):
        return Check("latency", Held.FAILS, claimed, text=now)
    found = f"{now.p50.estimate:.3g} ms [{now.p50.low:.3g}, {now.p50.high:.3g}]"
    if now.p50.low <= was.next_p50.high:
        return Check("latency", Held.HOLDS, claimed, found)
    if now.p50.low > _BUSY * was.next_p50.high:
        return Check("latency", Held.FAILS, claimed, found)
    text = "It is slower here; a busier machine looks the same. The ratio to the original tells them apart."
    return Check("latency", Held.NOT_CHECKED, claimed, found, text, "--original")


def _against_ratio(was: Latency, now: Latency | str) -> list[Check]:
    if was.ratio is None or was.next_run is None:
        return []
    claimed = f"{_times(was.ratio)}, a further run up to {was.next_run.high:.3f}"
    if isinstance(now, str) or now.ratio is None:
        return [Check("ratio", Held.NOT_CHECKED, claimed, text="No original was given.", needs="--original")]
    found = f"{now.ratio.estimate:.3f} [{now.ratio.low:.3f}, {now.ratio.high:.3f}]"
    return [Check("ratio", Held.FAILS if now.ratio.low > was.next_run.high else Held.HOLDS, claimed, found)]


def _ms(value: Interval) -> str:
    return f"{value.estimate:.3g} ms"


def _times(value: Interval | None) -> str:
    return "" if value is None else f"{value.estimate:.3f} of the original's time"
