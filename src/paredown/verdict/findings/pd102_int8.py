"""PD102: an int8 file that is not faster."""

from paredown.targets import Lowering
from paredown.verdict.findings.context import FileContext
from paredown.verdict.findings.finding import Finding, Severity

__all__ = ["check"]

CODE = "PD102"
TITLE = "the int8 file is not faster"


def check(context: FileContext) -> Finding:
    """See whether rounding to 8 bits bought time, and where it surely did not, what the runtime left in float."""
    label, lowering, latency = context.measured.label, context.lowering, context.measured.latency
    if lowering is None or lowering.quantized == 0:
        return Finding(
            CODE, TITLE, Severity.NOT_APPLICABLE, "Nothing in this file is computed from quantized values.", label
        )
    if latency is None or latency.ratio is None:
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, "Its latency was not compared with the original.", label)
    ratio, faster = latency.ratio, 1 / (1 + context.margins.latency)
    found = f"It takes {ratio.estimate:.2f} of the original's time [{ratio.low:.2f}, {ratio.high:.2f}]"
    if ratio.high < faster:
        return Finding(CODE, TITLE, Severity.PASSED, f"{found}.", label)
    if ratio.low < faster:
        text = f"{found}, which does not say whether it is faster (see PD108)."
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, text, label)
    causes = _causes(context, lowering) or [
        "all nodes were fused, so the network is bound by something else (see PD103)"
    ]
    advice = "`quantize.Mixed()` finds out by measuring which layers to leave in float; or ship the float file."
    return Finding(CODE, TITLE, Severity.ISSUE, f"{found}: {'; '.join(causes)}. {advice}", label)


def _causes(context: FileContext, lowering: Lowering) -> list[str]:
    causes = []
    if context.capabilities is not None and context.capabilities.int8.sum_bits < 8:
        causes.append(
            "this processor does not add up 8-bit products in one instruction (VNNI), which 8-bit kernels live on"
        )
    if lowering.unfused:
        shown = "; ".join(lowering.unfused[:3]) + ("; ..." if len(lowering.unfused) > 3 else "")
        causes.append(f"{len(lowering.unfused)} of {lowering.quantized} nodes are still computed in float: {shown}")
    if lowering.conversions:
        causes.append(f"{lowering.conversions} conversions between float and 8 bits are left in the graph")
    if lowering.floats:
        most = sorted(lowering.floats.items(), key=lambda entry: (-entry[1], entry[0]))
        shown = ", ".join(f"{count} {name}" for name, count in most[:4]) + (", ..." if len(most) > 4 else "")
        count = sum(lowering.floats.values())
        causes.append(f"{count} operators beside {lowering.quantized} quantized ones are float: {shown}")
    return causes
