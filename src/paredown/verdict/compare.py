"""Head-to-heads: wins, tie or cannot tell, for files and for recipes."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from paredown.errors import InputError
from paredown.verdict.claims import claims_of
from paredown.verdict.holm import holm
from paredown.verdict.measured import Measured
from paredown.verdict.pair import Arm, Margins, Pair, Rows

if TYPE_CHECKING:
    from paredown.scores import Score

__all__ = ["Comparison", "compare"]

_SEEDS = 3  # fewer say nothing about how training scatters


@dataclasses.dataclass(frozen=True)
class Comparison:
    """All head-to-heads.

    Attributes:
        pairs: every two arms in every quantity that both were measured in.
        scope: ``recipes`` where there are pairs of arms with files of three or more seeds each (one file is enough of an
            arm that is made without chance); only of those pairs (see their own scope) may one say that a technique
            beats another. The others are about these very files.
        margins: what counted as a tie.

    """

    pairs: tuple[Pair, ...]
    scope: str
    margins: Margins

    def of(self, quantity: str) -> tuple[Pair, ...]:
        """Head-to-heads in one quantity."""
        return tuple(pair for pair in self.pairs if pair.quantity == quantity)

    def __str__(self) -> str:
        return "\n".join([f"Scope: {self.scope}.", *(str(pair) for pair in self.pairs)])


def compare(  # noqa: PLR0913 (one call, everything about it in sight)
    arms: Mapping[str, Measured] | Sequence[Arm],
    *,
    score: "Score | None" = None,
    rows: Mapping[str, Rows] = MappingProxyType({}),
    margins: Margins | None = None,
    paired: bool = False,
    seed: int = 0,
) -> Comparison:
    """Compare every two arms in score, latency, size and memory.

    In each quantity the difference lies beyond the margin on one side (a win), within it (a tie: an equivalence test),
    or nobody can tell. A claim is made when its p-value, corrected over all pairs and measured quantities (Holm), is
    at most 5 %. Sizes and memory are counted, so they need no test.

    Args:
        arms: files by label, or arms with several files each.
        score: the task's score; needed to compare scores.
        rows: the score's rows by label, for arms that are plain files.
        margins: what counts as a tie.
        paired: the i-th files of all arms belong together (the same start, the same order of data), so that recipes are
            compared seed by seed; what a seed does to all arms alike cancels then. To be decided before looking.
        seed: of the bootstrap.

    Raises:
        InputError: fewer than two arms, equal labels, or rows on different examples.

    """
    sides = _arms(arms, rows)
    chosen = margins or Margins()
    claims = [
        claim
        for a, b in itertools.combinations(sides, 2)
        for claim in claims_of(a, b, score, chosen, _scope(a, b), seed, paired=paired)
    ]
    tested = [claim for claim in claims if claim.p is not None]
    corrected = dict(zip(map(id, tested), holm([claim.p for claim in tested if claim.p is not None]), strict=True))
    pairs = tuple(claim.pair(corrected.get(id(claim))) for claim in claims)
    scope = "recipes" if any(pair.scope == "recipes" for pair in pairs) else "files"
    return Comparison(pairs, scope, chosen)


def _scope(a: Arm, b: Arm) -> str:
    """About recipes where chance had a say in at least one arm, and had it often enough in all such arms."""
    drawn = [len(arm.files) for arm in (a, b) if not arm.fixed]
    return "recipes" if drawn and min(drawn) >= _SEEDS else "files"


def _arms(arms: Mapping[str, Measured] | Sequence[Arm], rows: Mapping[str, Rows]) -> list[Arm]:
    if isinstance(arms, Mapping):
        sides = [Arm(name, (file,), (rows[name],) if name in rows else ()) for name, file in arms.items()]
    else:
        sides = list(arms)
    labels = [arm.label for arm in sides]
    if len(labels) < 2 or len(set(labels)) < len(labels):
        msg = f"Arms {labels} were to be compared; that takes two or more with different labels. Give each its own."
        raise InputError(msg)
    shapes = {arm.label: sorted({np.shape(part)[:1] for part in arm.rows}) for arm in sides if arm.rows}
    if len({str(shape) for shape in shapes.values()}) > 1 or any(len(shape) > 1 for shape in shapes.values()):
        told = ", ".join(f"{name}: {[size for (size,) in shape]}" for name, shape in shapes.items())
        msg = f"The arms were scored on different numbers of examples ({told}). Score all of them on the same split."
        raise InputError(msg)
    return sides
