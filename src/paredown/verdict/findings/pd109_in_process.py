"""PD109: trials ran in this process, and the run cannot be resumed by name."""

from paredown.verdict.findings.context import RunContext
from paredown.verdict.findings.finding import Finding, Severity

__all__ = ["check"]

CODE = "PD109"
TITLE = "a crash would have ended the run"


def check(context: RunContext) -> Finding:
    """See whether the run could have gone on by itself after a crash or a full memory in a trial."""
    if context.reference is None:
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, "No trial was run.")
    if context.reference:
        text = (
            f"Trials ran in this process, and the task is known as {context.reference}: after a crash `paredown resume` "
            "loads it again, and at most the trial in flight is lost."
        )
        return Finding(CODE, TITLE, Severity.PASSED, text)
    text = (
        "Trials ran one after the other in the process that called, with a task that is known to that process alone. "
        "After a crash the script has to be started again (it goes on where it was). Put the task into a module and name "
        "it as module:name; `paredown resume` then goes on by itself."
    )
    return Finding(CODE, TITLE, Severity.TIP, text)
