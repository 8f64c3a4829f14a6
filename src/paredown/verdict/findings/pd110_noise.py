"""PD110: somebody else kept the processor busy."""

from paredown.verdict.findings.context import FileContext
from paredown.verdict.findings.finding import Finding, Severity

__all__ = ["check"]

CODE = "PD110"
TITLE = "the machine was busy while measuring"
_MANY = 0.2


def check(context: FileContext) -> Finding:
    """Look at the share of samples during which a thread waited for a processor."""
    label, latency = context.measured.label, context.measured.latency
    if latency is None or latency.taken == 0:
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, "Its latency was not measured.", label)
    share = latency.dropped / latency.taken
    seen = f"{latency.dropped} of {latency.taken} samples ({share:.0%}) were disturbed"
    if latency.noisy:
        text = (
            f"{seen}; in most processes hardly any was left, so the least disturbed ones had to do and all times are "
            "too long. The ratio suffers less. Measure again on a quiet machine."
        )
        return Finding(CODE, TITLE, Severity.ISSUE, text, label)
    if share > _MANY:
        text = f"{seen} and left out; p95 and p99 are those of the undisturbed rest. A quieter machine needs less time."
        return Finding(CODE, TITLE, Severity.TIP, text, label)
    return Finding(CODE, TITLE, Severity.PASSED, f"{seen} and left out.", label)
