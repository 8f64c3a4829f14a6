"""PD106: too few examples for the margin."""

import math

from paredown.measure.quality import Quality
from paredown.verdict.findings.context import FileContext
from paredown.verdict.findings.finding import Finding, Severity

__all__ = ["check", "examples_for_a_tie"]

CODE = "PD106"
TITLE = "too few examples for this margin"
_TWO_SIDED, _ONE_SIDED, _FOUR_OF_FIVE = 1.959964, 1.644854, 1.281552  # normal quantiles at 97.5, 95 and 90 %


def check(context: FileContext) -> Finding:
    """See whether there are enough examples to tell a file that loses nothing from one that loses the margin."""
    label, quality, before = context.measured.label, context.measured.quality, context.original.quality
    if quality is None or before is None or quality.drop.low == quality.drop.high:
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, "No drop was measured.", label)
    margin = context.margins.of_score(context.unit, quality.score.estimate, before.score.estimate)
    half = (quality.drop.high - quality.drop.low) / 2
    seen = f"{quality.n} examples give the drop to within {half:.2g}, the margin is {margin:.2g}"
    if _decided(quality, margin):
        return Finding(CODE, TITLE, Severity.PASSED, f"{seen}, and that tells.", label)
    needed = examples_for_a_tie(quality.n, half, margin)
    if quality.n >= needed:
        return Finding(CODE, TITLE, Severity.PASSED, f"{seen}.", label)
    text = (
        f"{seen}; differences of that size cannot be told. With about {needed} examples a file that loses nothing would be "
        "called a tie four times out of five; it takes more where a run makes many comparisons."
    )
    return Finding(CODE, TITLE, Severity.TIP, text, label)


def _decided(quality: Quality, margin: float) -> bool:
    """A tie by both one-sided bounds, or a difference by the whole interval."""
    tie = -margin <= quality.drop_bounds.low and quality.drop_bounds.high <= margin
    return tie or quality.drop.low > margin or quality.drop.high < -margin


def examples_for_a_tie(count: int, half: float, margin: float) -> int:
    """How many examples make the equivalence test call a true difference of 0 a tie in four of five cases.

    Both one-sided bounds lie within the margin with that chance where the margin is ``z(95 %) + z(90 %)`` standard errors
    wide (Chow, Shao and Wang, Sample Size Calculations in Clinical Research, section 3.1), and the error falls with the
    square root of the examples.

    Args:
        count: examples there are.
        half: half width of the 95 % interval that they give.
        margin: of the tie, in the same unit.

    >>> examples_for_a_tie(1000, 1.96, 1.0)
    8565

    """
    error = half / _TWO_SIDED
    return math.ceil(count * ((_ONE_SIDED + _FOUR_OF_FIVE) * error / margin) ** 2)
