"""PD104: the original does not score alike on select and judge."""

import math

from paredown.verdict.findings.context import RunContext
from paredown.verdict.findings.finding import Finding, Severity

__all__ = ["check"]

CODE = "PD104"
TITLE = "select and judge are not alike"


def check(context: RunContext) -> Finding:
    """Compare the original's scores on both splits; they are independent, so their errors add as squares."""
    if context.select is None or context.judge is None:
        text = "The original was not scored on both select and judge."
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, text)
    select, judge = context.select.score, context.judge.score
    width = math.hypot((select.high - select.low) / 2, (judge.high - judge.low) / 2)
    difference = select.estimate - judge.estimate
    seen = f"The original scores {select.estimate:.4g} on select and {judge.estimate:.4g} on judge"
    if abs(difference) <= width:
        return Finding(CODE, TITLE, Severity.PASSED, f"{seen}, as chance would have it (within {width:.2g}).")
    text = (
        f"{seen}: {abs(difference):.2g} apart where chance explains {width:.2g}. If the original was trained on the "
        "examples of select, choices made there favour files that were not trained further. Take select from held-out data."
    )
    return Finding(CODE, TITLE, Severity.ISSUE, text)
