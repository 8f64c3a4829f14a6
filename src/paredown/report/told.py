"""Which candidates of a long run a page tells in full."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paredown.run.summary import CandidateSummary, RunSummary

__all__ = ["notable", "told"]

_ALL, _MOST = 100, 60


def notable(candidate: "CandidateSummary") -> bool:
    """The original, controls, what was compared, the best, and the frontier."""
    return candidate.role in ("original", "control", "arm") or candidate.best or candidate.frontier


def told(summary: "RunSummary") -> frozenset[str]:
    """Ids of the candidates whose every step is told: all of up to 100; else the notable ones and the best scores.

    The others keep their line in the table and their point in the plot. The rest of what is known of a thousand
    candidates would be most of the page, and nobody opens them one by one.
    """
    if len(summary.candidates) <= _ALL:
        return frozenset(c.id for c in summary.candidates)
    chosen = [c.id for c in summary.candidates if notable(c)]
    sign = -1 if summary.score_higher_is_better else 1

    def rank(candidate: "CandidateSummary") -> float:
        score = candidate.score
        return sign * score.estimate if score is not None and math.isfinite(score.estimate) else math.inf

    others = sorted((c for c in summary.candidates if not notable(c) and c.status == "measured"), key=rank)
    return frozenset([*chosen, *(c.id for c in others[: max(0, _MOST - len(chosen))])])
