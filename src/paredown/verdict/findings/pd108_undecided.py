"""PD108: the time was up before the latency was known well enough."""

from paredown.verdict.findings.context import FileContext
from paredown.verdict.findings.finding import Finding, Severity

__all__ = ["check"]

CODE = "PD108"
TITLE = "the latency could not be decided"


def check(context: FileContext) -> Finding:
    """See whether pairs or time ran out while the ratio still lay across a margin or bound."""
    label, latency = context.measured.label, context.measured.latency
    if latency is None or latency.ratio is None:
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, "Its latency was not compared with the original.", label)
    seen = f"after {latency.pairs} pairs the ratio is {latency.ratio.low:.3f} to {latency.ratio.high:.3f}"
    if latency.answered:
        return Finding(CODE, TITLE, Severity.PASSED, f"{seen[0].upper()}{seen[1:]}.", label)
    text = (
        f"{seen[0].upper()}{seen[1:]}, which still lies across a margin or the budget's bound. "
        "Give more time or pairs, or a quieter machine."
    )
    return Finding(CODE, TITLE, Severity.TIP, text, label)
