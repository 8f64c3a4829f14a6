"""PD105: the final data has been looked at before."""

from paredown.verdict.findings.context import RunContext
from paredown.verdict.findings.finding import Finding, Severity

__all__ = ["check"]

CODE = "PD105"
TITLE = "judge was opened before"


def check(context: RunContext) -> Finding:
    """Count how often these very examples have decided something."""
    if not context.openings:
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, "Judge has not been opened.")
    if context.openings == 1:
        return Finding(CODE, TITLE, Severity.PASSED, "Judge was opened once, for the final claim.")
    text = (
        f"These examples have been opened {context.openings} times, this run included. Whoever looks several times and "
        "changes something in between chooses on them. Keep fresh examples for the claim that matters."
    )
    return Finding(CODE, TITLE, Severity.ISSUE, text)
