"""PD107: energy that was not measured."""

from paredown.verdict.findings.context import FileContext
from paredown.verdict.findings.finding import Finding, Severity

__all__ = ["check"]

CODE = "PD107"
TITLE = "the energy is an estimate"


def check(context: FileContext) -> Finding:
    """Say where an energy comes from assumed watts."""
    label, energy = context.measured.label, context.measured.energy
    if energy is None:
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, "No energy was asked for.", label)
    if not energy.estimated:
        return Finding(CODE, TITLE, Severity.PASSED, f"The energy was measured: {energy.method}.", label)
    text = (
        f"{energy.mj:.3g} mJ is an {energy.method}, because this machine's counters cannot be read. It ranks files "
        "on one machine and decides no limit. Measure where /sys/class/powercap is readable."
    )
    return Finding(CODE, TITLE, Severity.TIP, text, label)
