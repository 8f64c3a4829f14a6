"""What the result may cost: limits with units, absolute or relative to the original.

>>> budget = Budget(latency="40%", size="1 MB", drop="0.5 pt")
>>> [limit.quantity for limit in budget.limits]
['latency', 'size', 'drop']
>>> budget.limits[0].bound(10.0, "%")  # milliseconds
4.0
"""

import dataclasses
import difflib
import math
import re
from collections.abc import Mapping
from typing import TypedDict, Unpack

from paredown.errors import BudgetError

__all__ = ["Budget", "Limit", "duration"]

_TIME = {"s": 1e3, "ms": 1.0, "us": 1e-3, "µs": 1e-3}  # milliseconds
_BYTES = {"B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30}
_ENERGY = {"J": 1e3, "mJ": 1.0, "uJ": 1e-3, "µJ": 1e-3}  # millijoules
_UNITS = {"latency": _TIME, "size": _BYTES, "memory": _BYTES, "energy": _ENERGY}
_BASE = {"latency": "ms", "size": "B", "memory": "B", "energy": "mJ"}
_EXAMPLES = {
    "latency": ("50%", "2 ms"),
    "size": ("25%", "1 MB"),
    "memory": ("50%", "64 MB"),
    "energy": ("50%", "2 mJ"),
    "drop": ("0.5 pt", "2%"),
    "score": ("90 %", "0.8 score"),
}
_POINTS = ("pt", "pts")
_OWN = "score"  # the word for 'in the score's own unit'
_NUMBER = re.compile(r"\s*(?P<number>[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<unit>[^\d\s.,+-].*?)?\s*")
_MOST_RELATIVE = 200.0
_DURATIONS = {"s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*")


@dataclasses.dataclass(frozen=True)
class Limit:
    """One limit of a budget.

    Attributes:
        quantity: ``latency``, ``size``, ``memory``, ``energy``, ``drop`` or ``score``.
        value: milliseconds, bytes, bytes, millijoules; a share (0.5 for ``50%``) where `relative`; for ``drop`` and
            ``score`` a number in `unit`.
        unit: ``ms``, ``B``, ``mJ``; ``%`` and ``pt`` for per-cent scores, else the score's unit or ``score``.
        relative: the value is a share of what the original needs (``drop``: of what it scores).
        text: what the user typed.

    """

    quantity: str
    value: float
    unit: str
    relative: bool
    text: str

    @classmethod
    def parse(cls, quantity: str, text: str) -> "Limit":
        """Read a limit such as ``parse("latency", "50%")``.

        Raises:
            BudgetError: no unit, a unit of something else, negative, zero, or pointless.

        """
        number, unit = _split(quantity, text)
        if quantity in _UNITS:
            return _cost(quantity, text, number, unit)
        return _drop(text, number, unit) if quantity == "drop" else _score(text, number, unit)

    @property
    def at_most(self) -> bool:
        """The measured value must stay below `bound` (everything but ``score``, whose direction is the score's)."""
        return self.quantity != "score"

    def bound(self, original: float, unit_of_score: str) -> float:
        """The limit as a number that a measurement can be held against.

        Args:
            original: the original's milliseconds, bytes, millijoules, or reduced score.
            unit_of_score: ``task.score.unit``; only ``drop`` and ``score`` look at it.

        Returns:
            The most milliseconds, bytes or millijoules; the largest drop in score units (original minus candidate,
            positive is worse); or the score that must be reached.

        Raises:
            BudgetError: the limit is written in a unit that the score does not have.

        """
        if self.quantity in {"drop", "score"}:
            self.check(unit_of_score)
        return self.value * abs(original) if self.relative else self.value

    def check(self, unit_of_score: str) -> None:
        """Refuse a ``drop`` or ``score`` whose unit is not the score's.

        Raises:
            BudgetError: with what to type instead.

        """
        if self.quantity not in {"drop", "score"} or self.relative or self.unit in {_OWN, unit_of_score}:
            return
        per_cent = unit_of_score == "%"
        if per_cent and self.unit == "pt":
            return
        shown = unit_of_score or "no unit"
        if per_cent:
            hint = '"0.5 pt" or "2%" of the original' if self.quantity == "drop" else '"90 %"'
        else:
            own = f"0.01 {unit_of_score or _OWN}"
            hint = f'"{own}", or "2%" of the original' if self.quantity == "drop" else f'"{own}"'
        msg = f"{self.quantity}={self.text!r}: the task's score is measured in {shown}. Type {self.quantity}={hint}."
        raise BudgetError(msg)

    def __str__(self) -> str:
        return f"{self.quantity} {self.text}"


class _Named(TypedDict, total=False):
    latency: str
    size: str
    memory: str
    energy: str
    drop: str
    score: str


@dataclasses.dataclass(frozen=True, init=False)
class Budget:
    """Limits that the artifact has to keep. The first-named quantity is the one that ``best`` minimises.

    Args:
        limits: ready-made limits, in order; for budgets read back from a run.
        guards: limits on further scores of the task, by their name: a largest drop (``"1 pt"``, ``"2%"``).
        latency: ``"50%"`` of the original, or ``"2 ms"`` (us, ms, s): median time of one run.
        size: ``"25%"`` or ``"1 MB"`` (B, kB, MB, GB, KiB, MiB, GiB): bytes on disk.
        memory: ``"50%"`` or ``"64 MB"``: peak resident memory over that of an empty session.
        energy: ``"50%"`` or ``"2 mJ"`` (uJ, mJ, J) per run.
        drop: ``"0.5 pt"`` for scores in per cent, ``"2%"`` of the original's score, or ``"0.01 score"`` in its own unit.
        score: ``"90 %"``, or ``"0.8 score"`` in its own unit: what has to be reached.

    Raises:
        BudgetError: everything that is wrong with the limits, at once.

    Example:
        >>> print(Budget(size="1 MB", drop="0.5 pt"))
        size 1 MB, drop 0.5 pt
        >>> Budget(latency="50")
        Traceback (most recent call last):
        paredown.errors.BudgetError: latency='50' has no unit. Type latency="50%" or "2 ms".

    """

    limits: tuple[Limit, ...]
    guards: Mapping[str, Limit]

    def __init__(
        self, limits: tuple[Limit, ...] = (), guards: Mapping[str, str | Limit] | None = None, **named: Unpack[_Named]
    ) -> None:
        problems: list[str] = []
        if not isinstance(limits, tuple) or not all(isinstance(limit, Limit) for limit in limits):
            problems.append(f'Budget({limits!r}) does not say of what. Type the quantity: Budget(latency="50%").')
            limits = ()
        found = list(limits)
        for quantity, text in named.items():
            _collect(quantity, text, found, problems)
        guarded: dict[str, Limit] = {}
        for name, text in (guards or {}).items():
            if isinstance(text, Limit):
                guarded[name] = text
                continue
            try:
                guarded[name] = Limit.parse("drop", text)
            except BudgetError as error:
                problems.append(f"guards[{name!r}]: {error}")
        if found and found[0].relative and found[0].quantity in _UNITS and found[0].value > 1:
            problems.append(
                f"{found[0].quantity}={found[0].text!r} is named first, so it is what gets minimised, but the original "
                f"already meets it. Type less than 100%, or name another limit first."
            )
        if not found and not problems:
            problems.append('The budget is empty, so every file meets it. Type Budget(latency="50%", drop="0.5 pt").')
        if problems:
            raise BudgetError("\n".join(problems))
        object.__setattr__(self, "limits", tuple(found))
        object.__setattr__(self, "guards", guarded)

    def __hash__(self) -> int:
        return hash((self.limits, tuple(self.guards.items())))

    def __str__(self) -> str:
        words = [str(limit) for limit in self.limits]
        return ", ".join(words + [f"{name} {limit}" for name, limit in self.guards.items()])

    def limit(self, quantity: str) -> Limit | None:
        """The limit on a quantity, or None."""
        return next((limit for limit in self.limits if limit.quantity == quantity), None)

    def check(self, unit_of_score: str) -> None:
        """Refuse limits in units that the task's score does not have.

        Raises:
            BudgetError: all of them at once.

        """
        problems = []
        for limit in self.limits:
            try:
                limit.check(unit_of_score)
            except BudgetError as error:
                problems.append(str(error))
        if problems:
            raise BudgetError("\n".join(problems))


def duration(text: str) -> float:
    """Seconds in a span of time such as ``"30 min"``, ``"90 s"``, ``"2 h"`` or ``"1 h 30 min"``.

    Raises:
        BudgetError: not a positive number with a unit.

    Example:
        >>> duration("1 h 30 min")
        5400.0

    """
    how = 'Type time="30 min", "90 s" or "2 h".'
    _require_text(text, how)
    seconds, position = 0.0, 0
    while position < len(text):
        part = _DURATION_PART.match(text, position)
        if part is None or part[2] not in _DURATIONS:
            break
        seconds += float(part[1]) * _DURATIONS[part[2]]
        position = part.end()
    if position < len(text) or not text:
        msg = f"time={text!r} is not a number with a unit of time. {how}"
        raise BudgetError(msg)
    if not 0 < seconds < math.inf:
        msg = f"time={text!r} leaves no time for anything. {how}"
        raise BudgetError(msg)
    return seconds


def _require_text(text: object, how: str) -> None:
    if not isinstance(text, str):
        msg = f"time={text!r} has no unit. {how}"
        raise BudgetError(msg)


def _how(quantity: str) -> str:
    relative, absolute = _EXAMPLES[quantity]
    return f'Type {quantity}="{relative}" or "{absolute}".'


def _collect(quantity: str, text: object, found: list[Limit], problems: list[str]) -> None:
    if quantity not in _EXAMPLES:
        close = difflib.get_close_matches(quantity, _EXAMPLES, n=1, cutoff=0.4)
        meant = f" Did you mean {close[0]}?" if close else ""
        problems.append(f"{quantity!r} is nothing a budget can limit.{meant} It can limit {', '.join(_EXAMPLES)}.")
    elif text is not None:
        try:
            found.append(Limit.parse(quantity, text))  # type: ignore[arg-type]
        except BudgetError as error:
            problems.append(str(error))


def _split(quantity: str, text: object) -> tuple[float, str]:
    if not isinstance(text, str):
        msg = f"{quantity}={text!r} has no unit. {_how(quantity)}"
        raise BudgetError(msg)
    match = _NUMBER.fullmatch(text)
    if match is None:
        msg = f"{quantity}={text!r} is not a number with a unit. {_how(quantity)}"
        raise BudgetError(msg)
    number, unit = float(match["number"]), match["unit"]
    if not unit:
        msg = f"{quantity}={text!r} has no unit. {_how(quantity)}"
        raise BudgetError(msg)
    if not math.isfinite(number) or number <= 0:
        what = "is not finite" if not math.isfinite(number) else "is negative" if number < 0 else "is zero"
        why = " No measurement can show that nothing at all was lost." if quantity == "drop" and number == 0 else ""
        msg = f"{quantity}={text!r} {what}; a limit is a positive amount.{why} {_how(quantity)}"
        raise BudgetError(msg)
    return number, unit


def _cost(quantity: str, text: str, number: float, unit: str) -> Limit:
    if unit == "%":
        if number > _MOST_RELATIVE:
            msg = (
                f"{quantity}={text!r} allows more than twice what the original needs, so it limits nothing. "
                f"{_how(quantity)}"
            )
            raise BudgetError(msg)
        return Limit(quantity, number / 100, _BASE[quantity], relative=True, text=text.strip())
    units = _UNITS[quantity]
    if unit not in units:
        msg = (
            f"{quantity}={text!r}: {unit!r} is no unit of {quantity}; those are %, {', '.join(units)}. {_how(quantity)}"
        )
        raise BudgetError(msg)
    return Limit(quantity, number * units[unit], _BASE[quantity], relative=False, text=text.strip())


def _drop(text: str, number: float, unit: str) -> Limit:
    _refuse_costs("drop", text, unit)
    relative = unit == "%"
    if number >= 100 and (relative or unit in _POINTS):
        msg = f"drop={text!r} allows the whole score to be lost. {_how('drop')}"
        raise BudgetError(msg)
    unit = "pt" if unit in _POINTS else unit
    return Limit("drop", number / 100 if relative else number, unit, relative=relative, text=text.strip())


def _score(text: str, number: float, unit: str) -> Limit:
    _refuse_costs("score", text, unit)
    if unit in _POINTS:
        msg = f"score={text!r}: points measure a drop. {_how('score')}"
        raise BudgetError(msg)
    if unit == "%" and number > 100:
        msg = f"score={text!r}: no score is above 100 %. {_how('score')}"
        raise BudgetError(msg)
    return Limit("score", number, unit, relative=False, text=text.strip())


def _refuse_costs(quantity: str, text: str, unit: str) -> None:
    owner = next((name for name, units in _UNITS.items() if unit in units), None)
    if owner is not None:
        msg = f"{quantity}={text!r}: {unit!r} is a unit of {owner}. {_how(quantity)}"
        raise BudgetError(msg)
