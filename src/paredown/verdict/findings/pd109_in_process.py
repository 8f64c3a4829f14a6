"""PD109: trials ran in the user's own process."""

from paredown.verdict.findings.context import RunContext
from paredown.verdict.findings.finding import Finding, Severity

__all__ = ["check"]

CODE = "PD109"
TITLE = "trials ran in this process"


def check(context: RunContext) -> Finding:
    """See whether a crash or a full memory in a trial would have ended the run."""
    if context.in_process is None:
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, "No trial was run.")
    if not context.in_process:
        return Finding(CODE, TITLE, Severity.PASSED, "Trials ran in processes of their own.")
    text = (
        "Trials ran one after the other in the process that called: a crash in one ends the run (what is in the ledger "
        "stays, `paredown resume` goes on). Put the task into a module and name it as module:name."
    )
    return Finding(CODE, TITLE, Severity.TIP, text)
