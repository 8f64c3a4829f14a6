"""Measured trials as the choice sees them."""

import dataclasses

from paredown.budget import Budget
from paredown.run.enough import epochs_of
from paredown.run.labels import ORIGINAL
from paredown.run.ledger import TrialRecord
from paredown.run.results import TrialResult
from paredown.scores import Score
from paredown.search.choose import Standing
from paredown.verdict import LimitVerdict, Measured, decide

__all__ = ["standing_of"]


def standing_of(
    record: TrialRecord,
    original: TrialResult,
    budget: Budget,
    score: Score,
    latencies: tuple[Measured, Measured] | None = None,
) -> Standing:
    """Limits decided on select.

    Args:
        record: a measured trial.
        original: what relative limits are relative to.
        budget: the user's.
        score: the task's.
        latencies: this file's and the original's full measurements, where they are there already. Without them the
            quick look at the latency takes its place, which is never sure of anything.

    """
    result: TrialResult = record.result
    own, before = latencies or (result.measured(record.label), original.measured(ORIGINAL))
    verdict = decide(budget, own, before, score=score)
    values = {"drop": result.quality.drop.estimate, "size": float(result.size.bytes)}
    if own.latency is not None and before.latency is not None:
        ratio = own.latency.ratio.estimate if own.latency.ratio else 1.0
        values["latency"] = ratio * before.latency.p50.estimate
        limits = verdict.limits
    else:
        limits = tuple(_guessed(limit, result, original) for limit in verdict.limits)
        if result.ms is not None:
            values["latency"] = result.ms
    return Standing(record.id, limits, values, result.layout, epochs_of(result))


def _guessed(limit: LimitVerdict, result: TrialResult, original: TrialResult) -> LimitVerdict:
    if limit.quantity != "latency" or result.ms is None or original.ms is None:
        return limit
    bound = limit.limit.bound(original.ms, "")
    return dataclasses.replace(limit, bound=bound, room=(bound - result.ms) / bound)
