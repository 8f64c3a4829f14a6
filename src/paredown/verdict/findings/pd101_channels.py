"""PD101: channel counts that the target's kernels do not like."""

from paredown.verdict.findings.context import FileContext
from paredown.verdict.findings.finding import Finding, Severity

__all__ = ["check"]

CODE = "PD101"
TITLE = "channels are no multiple of what the target's kernels want"


def check(context: FileContext) -> Finding:
    """Look for layers that were cut to a width that leaves vector lanes empty."""
    label = context.measured.label
    if context.capabilities is None or not context.channels:
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, "The widths of the layers are not known.", label)
    multiple = context.capabilities.channel_multiple
    if multiple <= 1:
        text = f"{context.capabilities.name} runs every width equally well."
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, text, label)
    cut = {name: n for name, n in context.channels.items() if n != context.original_channels.get(name)}
    if not cut:
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, "No layer has another width than the original's.", label)
    odd = {name: n for name, n in cut.items() if n % multiple}
    if not odd:
        text = f"All {len(cut)} layers that were cut are multiples of {multiple} wide."
        return Finding(CODE, TITLE, Severity.PASSED, text, label)
    shown = ", ".join(f"{name} ({n})" for name, n in list(odd.items())[:5]) + (", ..." if len(odd) > 5 else "")
    text = (
        f"{len(odd)} of {len(cut)} layers that were cut are not a multiple of {multiple} wide: {shown}. "
        f"{context.capabilities.name} computes the next multiple anyway. Keep multiples of {multiple}."
    )
    return Finding(CODE, TITLE, Severity.TIP, text, label)
