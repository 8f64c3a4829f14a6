"""PD102: an int8 file that is not faster."""

from paredown.verdict.findings.context import FileContext
from paredown.verdict.findings.finding import Finding, Severity

__all__ = ["check"]

CODE = "PD102"
TITLE = "the int8 file is not faster"
_CONVERSIONS = ("QuantizeLinear", "DequantizeLinear")
_INTEGER = ("QLinear", "QGemm", "MatMulInteger", "ConvInteger", "DynamicQuantize", "QAttention")
_MOVES = {
    "Concat", "Constant", "Expand", "Flatten", "Gather", "Identity", "MaxPool", "Pad", "Reshape", "Shape", "Slice",
    "Split", "Squeeze", "Transpose", "Unsqueeze", "ReorderInput", "ReorderOutput", *_CONVERSIONS,
}  # fmt: skip


def check(context: FileContext) -> Finding:
    """See whether rounding to 8 bits bought time, and where not, what the runtime left in float."""
    label, lowering, latency = context.measured.label, context.lowering, context.measured.latency
    if lowering is None or lowering.quantized == 0:
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, "Nothing in this file computes in 8 bits.", label)
    if latency is None or latency.ratio is None:
        return Finding(CODE, TITLE, Severity.NOT_APPLICABLE, "Its latency was not compared with the original.", label)
    ratio = latency.ratio
    found = f"{ratio.estimate:.2f} of the original's time [{ratio.low:.2f}, {ratio.high:.2f}]"
    if ratio.high < 1 / (1 + context.margins.latency):
        return Finding(CODE, TITLE, Severity.PASSED, f"It takes {found}.", label)
    causes = []
    if context.capabilities is not None and context.capabilities.int8_sum_bits < 8:
        causes.append(
            "this processor does not add up 8-bit products in one instruction (VNNI), which 8-bit kernels live on"
        )
    if lowering.unfused:
        shown = "; ".join(lowering.unfused[:3]) + ("; ..." if len(lowering.unfused) > 3 else "")
        causes.append(f"{len(lowering.unfused)} of {lowering.quantized} nodes are still computed in float: {shown}")
    conversions = sum(lowering.operators.get(name, 0) for name in _CONVERSIONS)
    if conversions:
        causes.append(f"{conversions} conversions between float and 8 bits are left in the graph")
    unsupported = {name: count for name, count in lowering.operators.items() if _computes(name)}
    if unsupported:
        most = sorted(unsupported.items(), key=lambda entry: (-entry[1], entry[0]))
        shown = ", ".join(f"{count} {name}" for name, count in most[:4]) + (", ..." if len(most) > 4 else "")
        causes.append(f"{sum(unsupported.values())} operators beside {lowering.quantized} in 8 bits are float: {shown}")
    causes = causes or ["all nodes were fused, so the network is bound by something else (see PD103)"]
    text = f"It takes {found}: {'; '.join(causes)}. `quantize.Mixed()` finds out by measuring which layers to leave in float; or ship the float file."
    return Finding(CODE, TITLE, Severity.ISSUE, text, label)


def _computes(operator: str) -> bool:
    """Whether an operator computes in float: neither in 8 bits, nor a conversion, nor one that only moves values."""
    return operator not in _MOVES and not operator.startswith(_INTEGER)
