"""PD111: something about the data was assumed."""

from paredown.verdict.findings.context import RunContext
from paredown.verdict.findings.finding import Finding, Severity

__all__ = ["check"]

CODE = "PD111"
TITLE = "splits were made because they were not given"


def check(context: RunContext) -> Finding:
    """Repeat what was assumed when the data was put together."""
    if context.assumptions is None:
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, "Nothing is known about how the data was put together.")
    if not context.assumptions:
        return Finding(CODE, TITLE, Severity.PASSED, "All splits were given.")
    text = f"{' '.join(context.assumptions)} Give Data(train, calibrate, select, judge) to decide this yourself."
    return Finding(CODE, TITLE, Severity.TIP, text)
