"""The headline of a run and the big numbers below it."""

import dataclasses
from typing import TYPE_CHECKING

from paredown.report import numbers
from paredown.report.chart import change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paredown.measure.interval import Interval
    from paredown.run.summary import CandidateSummary, RunSummary

__all__ = ["Figure", "best_of", "figures", "headline", "original_of"]


@dataclasses.dataclass(frozen=True)
class Figure:
    """One big number under the headline."""

    shown: numbers.Shown
    word: str
    detail: str
    known: str = ""  # what stands where the interval would


def original_of(summary: "RunSummary") -> "CandidateSummary | None":
    """The original, where the run came so far."""
    return next((c for c in summary.candidates if c.role == "original"), None)


def best_of(summary: "RunSummary") -> "CandidateSummary | None":
    """The best file, where the run came so far."""
    return next((c for c in summary.candidates if c.best), None)


def headline(summary: "RunSummary") -> str:
    """The verdict; where none was reached yet, what state the run is in."""
    if summary.verdict:
        return summary.verdict
    if not any(c.status == "measured" for c in summary.candidates):
        return "Nothing has been measured yet."
    measured = sum(c.status == "measured" and c.role != "original" for c in summary.candidates)
    if not measured:
        return "Only the original has been measured."
    ending = "no verdict was reached yet" if summary.limits else "no budget was set"
    return f"{measured} candidate{'s were' if measured > 1 else ' was'} measured; {ending}."


def figures(summary: "RunSummary") -> tuple[Figure, ...]:
    """The best file in three or four numbers; none where nothing was found."""
    best, original = best_of(summary), original_of(summary)
    if best is None or best.role == "original":
        return ()
    return tuple(_figures(summary, best, original))


def _figures(
    summary: "RunSummary", best: "CandidateSummary", original: "CandidateSummary | None"
) -> "Iterator[Figure]":
    if best.ratio is not None and best.ratio.estimate > 0:
        detail = _was(
            numbers.interval(best.latency, "ms"), numbers.interval(original.latency if original else None, "ms")
        )
        yield Figure(numbers.inverse(best.ratio), _pace(best.ratio), detail)
    if best.size and original and original.size:
        times = numbers.Shown(_times(original.size / best.size), "", "×")
        detail = _was(numbers.quantity(best.size, "bytes"), numbers.quantity(original.size, "bytes"))
        yield Figure(times, "smaller" if best.size < original.size else "as small", detail, "exact")
    if best.drop is not None:
        split = "judge" if best.judged else "select"
        examples = f" on {numbers.fixed(summary.data[split], 0)} {split} examples" if split in summary.data else ""
        scores = [numbers.interval(c.score if c else None, summary.score_unit) for c in (best, original)]
        yield Figure(change(summary, best), f"{summary.score_name}{examples}", _was(*scores))
    if best.memory and original and original.memory:
        share = numbers.Shown(numbers.fixed(100 * best.memory / original.memory, 0), "", "%")
        detail = _was(numbers.quantity(best.memory, "bytes"), numbers.quantity(original.memory, "bytes"))
        yield Figure(share, "of the peak memory", detail)


def _pace(ratio: "Interval") -> str:
    if ratio.low <= 1 <= ratio.high:
        return "as fast, within the interval"
    return "faster" if ratio.estimate < 1 else "as fast, so slower"


def _was(now: numbers.Shown, before: numbers.Shown) -> str:
    if now.value == numbers.MISSING:
        return ""
    return now.text if before.value == numbers.MISSING else f"{now.text}, was {before.text}"


def _times(ratio: float) -> str:
    return numbers.fixed(ratio, 1 if ratio < 100 else 0)
