"""Post-training quantizers side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.pages.cells import faster, interval, table

__all__ = ["section"]


_EIGHT = ("QLinearConv", "QGemm", "QLinearMatMul", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "MatMulInteger")
_FLOAT = ("Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul")
_CONVERSIONS = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")


def section(results: Sequence[Mapping[str, Any]]) -> str:
    """Post-training quantizers side by side, network by network."""
    parts = ["## Post-training 8 bits, beside other people's quantizers\n"]
    for result, case in [(found, case) for found in results for case in found["quantization"]]:
        rows = [
            [
                file["label"],
                interval(file["quality"]["score"], unit=f" {case.get('unit', '%')}"),
                interval(file["quality"]["drop"]),
                interval(file["p50"], digits=3),
                faster(file["ratio"]),
                f"{file['size'] / 1000:.0f}",
                f"{file['seconds']:.1f}" if file["seconds"] is not None else "–",
                _kernels(file.get("kernels")),
            ]
            for file in case["files"]
        ]
        rows += [[row["label"], *["–"] * 6, row["failure"]] for row in case["failed"]]
        told = f"{case['told']} " if case.get("told") else ""
        head = [
            "file", "score", "drop", "latency p50, ms", "speed-up", "size, kB", "seconds to make",
            "layers in 8 bits, in float; conversions",
        ]  # fmt: skip
        parts += [
            f"### {case['title']}\n",
            (
                f"{told}{result['runtime']}, one thread, {case['processor']}; {result['calibration']} calibration examples "
                f"at most. Raw: [`{result['file']}`]({result['file']}).\n"
            ),
            table(head, rows),
        ]
    return "\n".join(parts)


def _kernels(found: Mapping[str, int] | None) -> str:
    """Why a file is as fast as it is: layers by the kind of their kernels, and what turns numbers back and forth."""
    if found is None:
        return "–"
    eight, whole, turned = (sum(found.get(name, 0) for name in names) for names in (_EIGHT, _FLOAT, _CONVERSIONS))
    return f"{eight}, {whole}; {turned}"
