"""PD106: too few examples for the margin."""

import math

from paredown.verdict.findings.context import FileContext
from paredown.verdict.findings.finding import Finding, Severity

__all__ = ["check"]

CODE = "PD106"
TITLE = "too few examples for this margin"


def check(context: FileContext) -> Finding:
    """Compare the width of the drop's interval with the margin; it shrinks with the square root of the examples."""
    label, quality = context.measured.label, context.measured.quality
    if quality is None or quality.drop.low == quality.drop.high:
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, "No drop was measured.", label)
    margin = context.margins.score or (0.5 if context.unit == "%" else None)
    if margin is None:
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, "No margin for the score was given.", label)
    half = (quality.drop.high - quality.drop.low) / 2
    seen = f"{quality.n} examples give the drop to within {half:.2g}, the margin is {margin:.2g}"
    if half <= margin:
        return Finding(CODE, TITLE, Severity.PASSED, f"{seen}.", label)
    needed = math.ceil(quality.n * (half / margin) ** 2)
    text = f"{seen}; differences of that size cannot be told. About {needed} examples would do."
    return Finding(CODE, TITLE, Severity.TIP, text, label)
