"""Two arms, what counts as a tie between them, and how a head-to-head ends."""

import dataclasses
import enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paredown.errors import InputError
from paredown.measure.interval import Interval
from paredown.verdict.measured import Measured
from paredown.verdict.wording import amount

__all__ = ["Arm", "Margins", "Pair", "Result", "Rows"]

Rows = NDArray[np.floating[Any]]


class Result(enum.StrEnum):
    """How a head-to-head ends."""

    A_WINS = "a wins"
    B_WINS = "b wins"
    TIE = "tie"
    CANNOT_TELL = "cannot tell"


@dataclasses.dataclass(frozen=True)
class Margins:
    """Differences that nobody would act upon: up to these, two files tie.

    Attributes:
        latency, size, memory: as parts, 0.03 for 3 %.
        score: in the score's unit; None is 0.5 for scores in per cent and 0.5 % of the score for others, where that of two
            arms is the mean of both, whichever is named first.

    """

    latency: float = 0.03
    score: float | None = None
    size: float = 0.01
    memory: float = 0.05

    def __post_init__(self) -> None:
        for name in ("latency", "size", "memory"):
            value = getattr(self, name)
            if not 0 < value < 1:
                msg = f"Margins({name}={value!r}) was given; it is a part between 0 and 1. Type Margins({name}=0.03)."
                raise InputError(msg)
        if self.score is not None and self.score <= 0:
            msg = (
                f"Margins(score={self.score!r}) was given; it is a positive number of points. Type Margins(score=0.5)."
            )
            raise InputError(msg)

    def of_score(self, unit: str, first: float, second: float) -> float:
        """Margin between two scores, in their unit."""
        if self.score is not None or unit == "%":
            return 0.5 if self.score is None else self.score
        return 0.005 * (abs(first) + abs(second)) / 2 or 0.005


@dataclasses.dataclass(frozen=True)
class Arm:
    """One side of head-to-heads: a file, or the files that one recipe gave with several seeds.

    Attributes:
        label: short name for people.
        files: measurements, one per seed.
        rows: the score's rows of each file, on the same split in the same order for all arms; empty where unknown.
        fixed: made without chance, so that every seed would give this very file (the original, rounding without
            training); one file says all about such a recipe.

    """

    label: str
    files: tuple[Measured, ...]
    rows: tuple[Rows, ...] = ()
    fixed: bool = False


@dataclasses.dataclass(frozen=True)
class Pair:
    """One head-to-head in one quantity.

    Attributes:
        a, b: labels.
        quantity: ``score``, ``latency``, ``size`` or ``memory``.
        difference: b against a with its own 95 % interval: points for the score, per cent for the others.
        unit: of the difference.
        outcome: decided by `p_holm` where there is one, otherwise by the interval against the margin.
        p_holm: chance of so clear a picture if the claim were false, corrected for all pairs; None where counted.
        margin: up to which the two tie, in `unit`.
        scope: ``files`` or ``recipes``.

    """

    a: str
    b: str
    quantity: str
    difference: Interval
    unit: str
    outcome: Result
    p_holm: float | None
    margin: float
    scope: str = "files"

    def __str__(self) -> str:
        words = {Result.A_WINS: f"{self.a} wins", Result.B_WINS: f"{self.b} wins"}
        verdict = words.get(self.outcome, str(self.outcome))
        low, high = (amount(edge, "") for edge in (self.difference.low, self.difference.high))
        return (
            f"{self.quantity}: {self.b} against {self.a} {self.difference.estimate:+.3g} {self.unit} "
            f"[{low}, {high}], margin {amount(self.margin, self.unit)}: {verdict}"
        )
