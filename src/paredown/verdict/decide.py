"""Whether a file keeps a budget: limit by limit, and allowed not to know."""

import dataclasses
import enum
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from paredown.budget import Budget, Limit
from paredown.measure.interval import Interval
from paredown.measure.quality import Quality
from paredown.verdict.measured import Measured, exactly, one_sided
from paredown.verdict.wording import amount

if TYPE_CHECKING:
    from paredown.scores import Score

__all__ = ["LimitVerdict", "Outcome", "Verdict", "decide"]


class Outcome(enum.StrEnum):
    """Whether a limit is kept."""

    MEETS = "meets"
    MISSES = "misses"
    CANNOT_TELL = "cannot tell"


_URGENCY = (Outcome.MISSES, Outcome.CANNOT_TELL, Outcome.MEETS)


@dataclasses.dataclass(frozen=True)
class LimitVerdict:
    """One limit and the file's measured value.

    Attributes:
        limit: as the user wrote it.
        quantity: what is limited; ``guard NAME`` for a guard score.
        bound: the limit in absolute units.
        value: the measured value with its 95 % interval, in the same unit; None where it was not measured.
        unit: ``ms``, ``B``, ``mJ`` or the score's unit.
        at_most: the value must stay below the bound.
        outcome: decided by the one-sided 95 % bound of the value.
        room: how far inside (negative: outside) the bound the estimate lies, as a share of the bound's scale.
        why: what keeps one from telling, where that is not the width of the interval.

    """

    limit: Limit
    quantity: str
    bound: float
    value: Interval | None
    unit: str
    at_most: bool
    outcome: Outcome
    room: float
    why: str = ""

    def __str__(self) -> str:
        sign = "<=" if self.at_most else ">="
        head = f"{self.quantity} {sign} {amount(self.bound, self.unit)} ({self.limit.text})"
        if self.value is None:
            return f"{head}: {self.outcome} ({self.why or 'not measured'})"
        value = f"{amount(self.value.estimate, self.unit)}"
        if self.value.low != self.value.high:
            value += f" [{amount(self.value.low, self.unit)}, {amount(self.value.high, self.unit)}]"
        return f"{head}: {self.outcome}, {value}" + (f" ({self.why})" if self.why else "")


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A budget held against a file.

    Attributes:
        label: the file.
        limits: one verdict per limit, in the order of the budget.
        met: True when every limit is kept, False when one is missed, None when one cannot be told and none is missed.
        binding: the quantity that is missed by most; where none is missed, the one that cannot be told, or else the one
            that is kept, with the least room.
        advice: what relaxing the binding limit would buy among the files that were tried.

    """

    label: str
    limits: tuple[LimitVerdict, ...]
    met: bool | None
    binding: str
    advice: str

    @property
    def text(self) -> str:
        """One sentence."""
        if self.met:
            return f"{self.label} meets the budget; {self.binding} is the limit with the least room."
        if self.met is None:
            open_ = [limit.quantity for limit in self.limits if limit.outcome is Outcome.CANNOT_TELL]
            return f"{self.label} may meet the budget: cannot tell for {', '.join(open_)}."
        missed = [limit.quantity for limit in self.limits if limit.outcome is Outcome.MISSES]
        return f"{self.label} misses the budget in {', '.join(missed)}; {self.binding} binds."

    def __str__(self) -> str:
        lines = [self.text, *(f"  {limit}" for limit in self.limits)]
        return "\n".join([*lines, f"  {self.advice}"] if self.advice else lines)


@dataclasses.dataclass(frozen=True)
class _Case:
    """One limit made comparable: `value` decides nothing, `bounds` (90 %) does."""

    limit: Limit
    quantity: str
    bound: float
    value: Interval | None
    bounds: Interval | None
    unit: str
    at_most: bool = True
    scale: float = 1.0
    why: str = ""

    def verdict(self) -> LimitVerdict:
        if self.value is None or self.bounds is None or self.why:
            room = -math.inf if self.value is None else self._room(self.value.estimate)
            return self._made(Outcome.CANNOT_TELL, room)
        worst, best = (self.bounds.high, self.bounds.low) if self.at_most else (self.bounds.low, self.bounds.high)
        outcome = Outcome.CANNOT_TELL
        if self._room(worst) >= 0:
            outcome = Outcome.MEETS
        elif self._room(best) < 0:
            outcome = Outcome.MISSES
        return self._made(outcome, self._room(self.value.estimate))

    def _room(self, value: float) -> float:
        return (self.bound - value if self.at_most else value - self.bound) / (self.scale or 1.0)

    def _made(self, outcome: Outcome, room: float) -> LimitVerdict:
        return LimitVerdict(
            self.limit, self.quantity, self.bound, self.value, self.unit, self.at_most, outcome, room, self.why
        )


@dataclasses.dataclass(frozen=True)
class _Rules:
    """What every file of a run is held against."""

    budget: Budget
    original: Measured
    score: "Score"
    guards: "Mapping[str, Score]"

    def cases(self, measured: Measured) -> list[_Case]:
        cases = [_case(limit, measured, self.original, self.score) for limit in self.budget.limits]
        for name, limit in self.budget.guards.items():
            unit = self.guards[name].unit if name in self.guards else self.score.unit
            quality, before = measured.guards.get(name), self.original.guards.get(name)
            cases.append(_drop(limit, quality, before, f"guard {name}", unit))
        return cases


def decide(  # noqa: PLR0913 (one call, everything about it in sight)
    budget: Budget,
    measured: Measured,
    original: Measured,
    *,
    score: "Score",
    guards: "Mapping[str, Score] | None" = None,
    frontier: Sequence[Measured] = (),
) -> Verdict:
    """Hold a budget against what was measured of a file.

    A limit is met when the one-sided 95 % bound of the value lies inside it, missed when the bound on the other side
    lies outside, and otherwise nobody can tell.

    Args:
        budget: the limits.
        measured: the file.
        original: the original on the same target, for relative limits.
        score: the task's score, for its unit and direction.
        guards: the task's guard scores by name, for their units.
        frontier: other files that were measured, for the advice.

    Raises:
        BudgetError: a limit is written in a unit that the score does not have.

    """
    rules = _Rules(budget, original, score, guards or {})
    cases = rules.cases(measured)
    limits = tuple(case.verdict() for case in cases)
    outcomes = {limit.outcome for limit in limits}
    met = False if Outcome.MISSES in outcomes else None if Outcome.CANNOT_TELL in outcomes else True
    binding = min(limits, key=lambda limit: (_URGENCY.index(limit.outcome), limit.room))
    others = [other for other in frontier if other.label != measured.label]
    advice = _advice(rules, measured, binding, others)
    return Verdict(measured.label, limits, met, binding.quantity, advice)


def _case(limit: Limit, measured: Measured, original: Measured, score: "Score") -> _Case:
    match limit.quantity:
        case "latency":
            return _latency(limit, measured, original)
        case "drop":
            return _drop(limit, measured.quality, original.quality, "drop", score.unit)
        case "score":
            return _score(limit, measured.quality, score)
    own, before, why = _counted(limit.quantity, measured), _counted(limit.quantity, original), ""
    if limit.quantity == "energy" and measured.energy is not None and measured.energy.estimated:
        why = "the energy is an estimate from assumed watts; only counters can decide"
    bound = _bound(limit, before.estimate if before else None, "")
    return _Case(limit, limit.quantity, bound, own, own and one_sided(own), limit.unit, scale=bound, why=why)


def _bound(limit: Limit, original: float | None, unit: str) -> float:
    if original is None:
        return math.nan if limit.relative else limit.bound(math.nan, unit)
    return limit.bound(original, unit)


def _counted(quantity: str, measured: Measured) -> Interval | None:
    match quantity:
        case "size" if measured.size is not None:
            return exactly(measured.size.bytes)
        case "memory" if measured.memory is not None:
            value, spread = measured.memory.over_empty_bytes, measured.memory.spread_bytes
            return Interval(value, value - spread, value + spread)
        case "energy" if measured.energy is not None:
            return exactly(measured.energy.mj)
    return None


def _latency(limit: Limit, measured: Measured, original: Measured) -> _Case:
    own, before = measured.latency, original.latency
    bound = _bound(limit, before.p50.estimate if before else None, "")
    if own is None:
        return _Case(limit, "latency", bound, None, None, "ms", scale=bound)
    value, bounds = own.p50, own.p50_bounds
    if limit.relative and before is not None and own.ratio is not None and own.ratio_bounds is not None:
        value, bounds = (_times(ratio, before.p50.estimate) for ratio in (own.ratio, own.ratio_bounds))
    elif limit.relative and before is not None:
        value = bounds = exactly(before.p50.estimate)  # the original itself: its ratio is 1
    return _Case(limit, "latency", bound, value, bounds, "ms", scale=bound)


def _times(interval: Interval, factor: float) -> Interval:
    return dataclasses.replace(
        interval, estimate=interval.estimate * factor, low=interval.low * factor, high=interval.high * factor
    )


def _drop(limit: Limit, own: Quality | None, before: Quality | None, quantity: str, unit: str) -> _Case:
    bound = _bound(limit, before.score.estimate if before else None, unit)
    value, bounds = (own.drop, own.drop_bounds) if own else (None, None)
    return _Case(limit, quantity, bound, value, bounds, "pt" if unit == "%" else unit, scale=bound)


def _score(limit: Limit, own: Quality | None, score: "Score") -> _Case:
    bound = limit.bound(math.nan, score.unit)
    value, bounds = (own.score, own.score_bounds) if own else (None, None)
    return _Case(limit, "score", bound, value, bounds, score.unit, not score.higher_is_better, abs(bound))


@dataclasses.dataclass(frozen=True)
class _Offer:
    """A file that would meet the budget if the binding limit were wider: how far outside it lies, and its first limit."""

    label: str
    own: LimitVerdict
    head: LimitVerdict


def _advice(rules: _Rules, measured: Measured, binding: LimitVerdict, others: Sequence[Measured]) -> str:
    """The least relaxation of the binding limit that lets a file in: the chosen one, or one that is better than it."""
    chosen = [case.verdict() for case in rules.cases(measured)]
    own = next(verdict for verdict in chosen if verdict.quantity == binding.quantity)
    offers = [offer for other in others if (offer := _offer(rules, other, binding)) and _better(offer, own, chosen)]
    itself = _offer(rules, measured, binding) if binding.outcome is Outcome.MISSES else None
    if itself is not None:
        offers.append(itself)
    if not offers:
        return f"No other file that was tried would profit from a wider {binding.quantity}." if others else ""
    best = max(offers, key=lambda offer: (offer.own.room, offer.label))
    return _offered(best, binding, chosen[0])


def _offer(rules: _Rules, file: Measured, binding: LimitVerdict) -> _Offer | None:
    """None where the file lies inside the binding limit, or outside another."""
    verdicts = [case.verdict() for case in rules.cases(file)]
    own = next(verdict for verdict in verdicts if verdict.quantity == binding.quantity)
    rest = [verdict for verdict in verdicts if verdict.quantity != binding.quantity]
    outside = own.value is None or own.room >= 0 or any(not verdict.room >= 0 for verdict in rest)
    return None if outside else _Offer(file.label, own, verdicts[0])


def _better(offer: _Offer, own: LimitVerdict, chosen: Sequence[LimitVerdict]) -> bool:
    """Whether an offer is worth a wider limit to somebody who has the chosen file already.

    It has to be better in what was named first; or, where the chosen file misses the limit as well, nearer to it. A
    chosen file outside of other limits too is no file to compare with.
    """
    if offer.head.room > chosen[0].room:
        return True
    fits = all(verdict.room >= 0 for verdict in chosen if verdict.quantity != own.quantity)
    return own.outcome is Outcome.MISSES and (not fits or offer.own.room > own.room)


def _offered(offer: _Offer, binding: LimitVerdict, first: LimitVerdict) -> str:
    value, head = offer.own.value, offer.head
    text = (
        f"With {binding.quantity} {'<=' if binding.at_most else '>='} "
        f"{amount(value.estimate, binding.unit) if value else ''} instead of {amount(binding.bound, binding.unit)}, "
        f"{offer.label!r} would do"
    )
    if head.quantity == binding.quantity or head == first or head.value is None or first.value is None:
        return f"{text}."
    return (
        f"{text}: {head.quantity} {amount(head.value.estimate, head.unit)} "
        f"instead of {amount(first.value.estimate, first.unit)}."
    )
