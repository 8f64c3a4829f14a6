"""PD113: 8-bit weights whose sums not every processor has room for."""

from paredown.targets.saturation import EVERYWHERE
from paredown.verdict.findings.context import FileContext
from paredown.verdict.findings.finding import Finding, Severity

__all__ = ["check"]

CODE = "PD113"
TITLE = "8-bit sums overflow on some processors"


def check(context: FileContext) -> Finding:
    """See whether sums of 8-bit products have room for this file's weights here, and on every other processor."""
    label = context.measured.label
    bits = context.lowering.weight_bits if context.lowering else None
    if bits is None:
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, "No kernel of this file adds up 8-bit products.", label)
    again = context.target.within(EVERYWHERE) if context.target else f"with weights of {EVERYWHERE} bits"
    room = context.capabilities.int8.sum_bits if context.capabilities else None
    if room is not None and bits > room:
        text = (
            f"Its weights take {bits} bits, and sums have room for {room} on this processor: they may overflow, so what "
            f"was measured here is not what the network computes. Make the file again on this machine, or {again}."
        )
        return Finding(CODE, TITLE, Severity.ISSUE, text, label)
    if bits <= EVERYWHERE:
        text = f"Its weights take {bits} bits, which sums have room for on every processor."
        return Finding(CODE, TITLE, Severity.PASSED, text, label)
    text = (
        f"Its weights take {bits} bits. On x86 processors without VNNI sums have room for {EVERYWHERE} and may overflow. "
        f"Where the file goes to such a one, make it {again}; `paredown verify` says it there."
    )
    return Finding(CODE, TITLE, Severity.TIP, text, label)
