"""PD112: weights that are 0, and a runtime that multiplies by them."""

from paredown.verdict.findings.context import FileContext
from paredown.verdict.findings.finding import Finding, Severity

__all__ = ["check"]

CODE = "PD112"
TITLE = "sparse weights made no faster file"


def check(context: FileContext) -> Finding:
    """Say what zeros bought: bytes of the file as it lies and compressed, and time."""
    measured, original = context.measured, context.original
    label = measured.label
    if not context.sparsity:
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, "No weights of this file are kept at 0.", label)
    if measured.size is None or original.size is None:
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, "Its size was not compared with the original's.", label)
    disk = measured.size.bytes / original.size.bytes
    packed = measured.size.compressed_bytes / original.size.compressed_bytes
    seen = (
        f"{context.sparsity:.0%} of the parameters are zeros of sparse weights. The file has {disk:.0%} of the original's "
        f"bytes on disk and {packed:.0%} when both are compressed"
    )
    ratio = measured.latency.ratio if measured.latency else None
    if ratio is None:
        return Finding(CODE, TITLE, Severity.TIP, f"{seen}. Its time was not compared. {_advice(context)}", label)
    seen += f", and takes {ratio.estimate:.2f} of its time [{ratio.low:.2f}, {ratio.high:.2f}]"
    if ratio.high < 1 / (1 + context.margins.latency):
        return Finding(CODE, TITLE, Severity.PASSED, f"{seen}.", label)
    return Finding(CODE, TITLE, Severity.TIP, f"{seen}. {_advice(context)}", label)


def _advice(context: FileContext) -> str:
    runtime = context.capabilities.name if context.capabilities else "A runtime for dense weights"
    return f"{runtime} multiplies by zeros as by any number. Ship the file compressed, or cut channels to gain time."
