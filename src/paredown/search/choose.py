"""Which file is best: it meets the budget beyond doubt first, then it is smallest in what was named first."""

import dataclasses
import enum
import math
from collections.abc import Mapping, Sequence

from paredown.budget import Budget
from paredown.verdict.decide import LimitVerdict, Outcome

__all__ = ["Feasible", "Standing", "best", "excess", "feasible", "longest", "promote", "wish"]

_HOPE = {"drop": 0.5, "score": 0.01}
"""How far outside a limit on quality (as a share of it) a network may lie that has only begun to recover."""


_COMFORT = 0.5
"""Half of `_HOPE` inside a limit on quality is comfortable: what was measured on select may be so much worse on judge."""


@dataclasses.dataclass(frozen=True)
class Standing:
    """A file, its budget, limit by limit, and what it costs.

    Attributes:
        key: who it is.
        limits: decided by one-sided 95 % bounds, in the order of the budget.
        values: estimates by quantity; ``drop``, ``size`` and, where it was measured, ``latency`` are always there.
        shape: fingerprint of its operators and shapes; empty where it is not known. Files of one shape are equally fast.
        epochs: it was trained for.

    """

    key: str
    limits: tuple[LimitVerdict, ...]
    values: Mapping[str, float]
    shape: str = ""
    epochs: float = 0.0


class Feasible(enum.IntEnum):
    """How sure it is that a file meets the budget."""

    NO = 0
    PERHAPS = 1
    YES = 2


def excess(limit: LimitVerdict, slack: float = 0.0) -> float:
    """By how much a limit is missed, as a share of it; 0 where it is met, 1 where nothing is known."""
    return max(0.0, -limit.room - slack) if math.isfinite(limit.room) else 1.0


def feasible(standing: Standing) -> Feasible:
    """Whether every limit is met: beyond doubt, by the estimate, or not."""
    if all(limit.outcome is Outcome.MEETS for limit in standing.limits):
        return Feasible.YES
    return Feasible.PERHAPS if all(excess(limit) == 0 for limit in standing.limits) else Feasible.NO


def wish(budget: Budget) -> str:
    """What `best` makes small.

    The quantity named first. But anything can be made small, so a budget that does not limit quality asks for the
    smallest drop; and one that limits nothing else asks for the smallest latency.
    """
    quality = [limit.quantity in {"drop", "score"} for limit in budget.limits] or [False]
    if all(quality):
        return "latency"
    if not any(quality) and not budget.guards:
        return "drop"
    first = budget.limits[0].quantity
    # A higher score is a smaller drop, whichever direction the score has.
    return "drop" if first == "score" else first


def best(standings: Sequence[Standing], budget: Budget) -> str | None:
    """Key of the file to ship, None where there is none at all.

    Among those that meet the budget beyond doubt: the smallest in what `wish` names; of equal ones the one that loses
    least. Where none is beyond doubt: the one with the most room by estimate; where none meets it even by estimate: the
    one that misses by least. Files of one shape are equally fast, whatever their measurements say: all are taken to be
    as fast as the middle one, and the one that was trained longest is the one that counts.
    """
    if not standings:
        return None
    standings = _equally_fast(standings)
    levels = {standing.key: feasible(standing) for standing in standings}
    level = max(levels.values())
    pool = longest([standing for standing in standings if levels[standing.key] is level])
    wanted = wish(budget)

    def rank(standing: Standing) -> tuple[float, float, float, str]:
        missed = 0.0
        if level is Feasible.PERHAPS:
            open_ = [limit.room for limit in standing.limits if limit.outcome is not Outcome.MEETS]
            missed = -min(open_)
        elif level is Feasible.NO:
            missed = sum(excess(limit) for limit in standing.limits)
        return (missed, _value(standing, wanted), _value(standing, "drop"), standing.key)

    return min(pool, key=rank).key


def _equally_fast(standings: Sequence[Standing]) -> list[Standing]:
    """All files of one shape with the latency of the middle one: what lies between them is noise."""
    return [_with_latency_of(standing, _middle(standing, standings)) for standing in standings]


def _middle(standing: Standing, standings: Sequence[Standing]) -> Standing:
    alike = [other for other in standings if standing.shape and other.shape == standing.shape] or [standing]
    return sorted(alike, key=lambda other: (_value(other, "latency"), other.key))[(len(alike) - 1) // 2]


def _with_latency_of(standing: Standing, other: Standing) -> Standing:
    theirs = {limit.quantity: limit for limit in other.limits if limit.quantity == "latency"}
    limits = tuple(theirs.get(limit.quantity, limit) for limit in standing.limits)
    known = {"latency": other.values["latency"]} if "latency" in other.values else {}
    return dataclasses.replace(standing, limits=limits, values={**standing.values, **known})


def longest(standings: Sequence[Standing]) -> list[Standing]:
    """Of every shape the files that were trained longest."""
    most: dict[str, float] = {}
    for standing in standings:
        most[standing.shape] = max(most.get(standing.shape, 0.0), standing.epochs)
    return [standing for standing in standings if not standing.shape or standing.epochs >= most[standing.shape]]


def promote(standings: Sequence[Standing], budget: Budget, count: int) -> tuple[str, ...]:
    """Keys of the candidates that are trained on, best first: ranked after recovery, not before.

    Costs do not change by training on, so whoever misses a limit on cost comes last. Quality does change. As long as
    nobody meets the budget comfortably, whoever is nearest to its limits on quality is trained on: first one file that
    may ship. Once there is one, a smaller one is worth trying: a candidate within reach of the limit is *hopeful*, and
    among the hopeful the smallest in what the budget makes small comes first.
    """
    wanted = wish(budget)
    found = any(_comfortable(standing) for standing in standings)

    def rank(standing: Standing) -> tuple[float, float, float, str]:
        cost = [excess(limit) for limit in standing.limits if _slack(limit) == 0]
        quality = [limit for limit in standing.limits if _slack(limit) > 0]
        missed = sum(excess(limit, _slack(limit)) if found else _shortage(limit) for limit in quality)
        return (sum(cost), missed, _value(standing, wanted), standing.key)

    return tuple(standing.key for standing in sorted(standings, key=rank)[:count])


def _comfortable(standing: Standing) -> bool:
    """Costs are within their limits by estimate, quality is by a good part of what may be lost, or beyond doubt."""
    return all(limit.room >= 0 if _slack(limit) == 0 else _shortage(limit) == 0 for limit in standing.limits)


def _shortage(limit: LimitVerdict) -> float:
    """How far a limit on quality is from being kept comfortably, as a share of it."""
    if limit.outcome is Outcome.MEETS:
        return 0.0
    return max(0.0, _COMFORT * _slack(limit) - limit.room) if math.isfinite(limit.room) else 1.0


def _slack(limit: LimitVerdict) -> float:
    return _HOPE["drop"] if limit.quantity.startswith("guard ") else _HOPE.get(limit.quantity, 0.0)


def _value(standing: Standing, quantity: str) -> float:
    return standing.values.get(quantity, math.inf)
