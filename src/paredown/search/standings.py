"""Measured trials as the choice sees them."""

from paredown.budget import Budget
from paredown.scores import Score
from paredown.search.choose import Standing
from paredown.search.ledger import TrialRecord
from paredown.search.results import TrialResult
from paredown.search.trials import ORIGINAL
from paredown.verdict import decide

__all__ = ["standing_of", "values_of"]


def standing_of(record: TrialRecord, original: TrialResult, budget: Budget, score: Score) -> Standing:
    """Limits decided on select and with the latency measured while searching."""
    result: TrialResult = record.result
    verdict = decide(budget, result.measured(record.label), original.measured(ORIGINAL), score=score)
    return Standing(record.id, verdict.limits, values_of(result, original))


def values_of(result: TrialResult, original: TrialResult) -> dict[str, float]:
    """Estimates by quantity; the latency is the ratio to the original, in the original's milliseconds."""
    values = {"drop": result.quality.drop.estimate, "size": float(result.size.bytes)}
    if result.latency is not None and original.latency is not None:
        ratio = result.latency.ratio.estimate if result.latency.ratio else 1.0
        values["latency"] = ratio * original.latency.p50.estimate
    return values
