"""PD103: a network so small that most of its time is no computation."""

from paredown.verdict.findings.context import FileContext
from paredown.verdict.findings.finding import Finding, Severity

__all__ = ["check"]

CODE = "PD103"
TITLE = "most of the time does not depend on the size of the network"
_CUT = 0.8  # fewer multiplications than this share of the original's are a cut one can learn from


def check(context: FileContext) -> Finding:
    """Compare how far the multiplications fell with how far the time fell.

    With time = fixed + work, and work in proportion to multiplications, the fixed share of the original's time is
    ``(time ratio - multiplication ratio) / (1 - multiplication ratio)``.
    """
    label, latency = context.measured.label, context.measured.latency
    if context.macs is None or not context.original_macs or latency is None or latency.ratio is None:
        text = "Multiplications or latency were not compared with the original."
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, text, label)
    macs = context.macs / context.original_macs
    if macs > _CUT:
        text = f"It has {macs:.0%} of the original's multiplications, too many to tell fixed cost from work."
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, text, label)
    fixed = (latency.ratio.low - macs) / (1 - macs)
    seen = f"{macs:.0%} of the multiplications take {latency.ratio.estimate:.0%} of the time"
    if fixed <= 0.5:
        return Finding(CODE, TITLE, Severity.PASSED, f"{seen[0].upper()}{seen[1:]}.", label)
    text = (
        f"{seen[0].upper()}{seen[1:]}, so at least {fixed:.0%} of the original's time is no multiplication: calls of the "
        "runtime, memory traffic, small operators. Fewer layers help where narrower ones do not; or infer in batches."
    )
    return Finding(CODE, TITLE, Severity.TIP, text, label)
