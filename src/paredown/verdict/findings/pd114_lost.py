"""PD114: the network is not all of the model."""

from paredown.verdict.findings.context import RunContext
from paredown.verdict.findings.finding import Finding, Severity

__all__ = ["check"]

CODE = "PD114"
TITLE = "something of the model is not in the network that was captured"
_MOST = 5


def check(context: RunContext) -> Finding:
    """Repeat what capturing left out: what only happens while training, gradients, updates of buffers."""
    if context.lost is None:
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, "Nothing is known about how the model was captured.")
    if not context.lost:
        return Finding(CODE, TITLE, Severity.PASSED, "The network holds all that the model does.")
    told = "; ".join(context.lost[:_MOST]) + (f"; and {len(context.lost) - _MOST} more" if context.lost[_MOST:] else "")
    text = f"{told[0].upper()}{told[1:]}. Trainings of this run do without; `paredown.capture(model, example).lost` lists it."
    return Finding(CODE, TITLE, Severity.TIP, text)
