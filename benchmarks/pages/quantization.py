"""Post-training quantizers side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.pages.cells import faster, interval, table

__all__ = ["section"]


_EIGHT = ("QLinearConv", "QGemm", "QLinearMatMul", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "MatMulInteger")
_FLOAT = ("Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul")
_CONVERSIONS = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")


def section(results: Sequence[Mapping[str, Any]]) -> str:
    """Post-training quantizers side by side: ours against each peer, then network by network."""
    cases = [(found, case) for found in results for case in found["quantization"]]
    parts = ["## Post-training 8 bits, beside other people's quantizers\n"]
    against = [row for _, case in cases for row in _against(case)]
    if against:
        head = ["network", "peer", "score, ours - theirs", "outcome", "latency, ours / theirs - 1", "outcome"]
        parts += [
            (
                "Ours, with calibration settings chosen on `select`, beside the file of every peer that ran. A tie is a "
                "difference that nobody would act upon (half a point; 3 % of the time); nobody can tell where the interval "
                "says neither.\n"
            ),
            table(head, against),
        ]
    for result, case in cases:
        parts += _network(result, case)
    return "\n".join(parts)


def _against(case: Mapping[str, Any]) -> list[list[str]]:
    """A row for each peer."""
    by_peer: dict[str, dict[str, Mapping[str, Any]]] = {}
    for pair in case.get("pairs", []):
        by_peer.setdefault(pair["a"], {})[pair["quantity"]] = pair
    return [
        [_titled(case), peer, *(cell for name in ("score", "latency") for cell in _outcome(pairs.get(name)))]
        for peer, pairs in by_peer.items()
    ]


def _titled(case: Mapping[str, Any]) -> str:
    return str(case["title"]) + ("" if case.get("higher_is_better", True) else " (less is better)")


def _outcome(pair: Mapping[str, Any] | None) -> tuple[str, str]:
    """The difference, and how it ends for ours, which is the second of the pair."""
    if pair is None:
        return "–", "–"
    words = {"a wins": "theirs", "b wins": "**ours**"}.get(pair["outcome"], pair["outcome"])
    return interval(pair["difference"], unit=f" {pair['unit']}"), str(words)


def _network(result: Mapping[str, Any], case: Mapping[str, Any]) -> list[str]:
    """Every file of one network."""
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
    for row in case["failed"]:
        score = row.get("in_pytorch")
        told = f"{score:.2f} {case['unit']} in PyTorch" if score is not None else "–"
        rows.append([row["label"], told, *["–"] * 5, row["failure"]])
    told = f"{case['told']} " if case.get("told") else ""
    count = f"{case['examples']} examples of `judge`; " if "examples" in case else ""
    threads = f", {result['threads']} thread(s) to make files" if "threads" in result else ""
    head = [
        "file", "score", "drop", "latency p50, ms", "speed-up", "size, kB", "seconds to make",
        "layers in 8 bits, in float; conversions",
    ]  # fmt: skip
    findings = [f"- *{file['label']}*: {file['finding']}" for file in case["files"] if file.get("finding")]
    chosen = [f"- *{file['label']}*: {file['chosen']}" for file in case["files"] if file.get("chosen")]
    return [
        f"### {case['title']}\n",
        (
            f"{told}{count}{result['runtime']}, one thread, {case['processor']}{threads}; {result['calibration']} "
            f"calibration examples at most. Raw: [`{result['file']}`]({result['file']}).\n"
        ),
        table(head, rows),
        *(["\n".join([*chosen, *findings]) + "\n"] if chosen or findings else []),
    ]


def _kernels(found: Mapping[str, int] | None) -> str:
    """Why a file is as fast as it is: layers by the kind of their kernels, and what turns numbers back and forth."""
    if found is None:
        return "–"
    eight, whole, turned = (sum(found.get(name, 0) for name in names) for names in (_EIGHT, _FLOAT, _CONVERSIONS))
    return f"{eight}, {whole}; {turned}"
