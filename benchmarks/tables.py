"""Makes ``benchmarks/README.md`` and the numbers of ``README.md`` from the newest JSON of every benchmark.

python -m benchmarks.tables [--pictures]     # pictures need matplotlib: pip install --group benchmarks
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import headline, record
from benchmarks.coverage import page as coverage
from benchmarks.training import page as training

PAGE = Path(__file__).parent / "README.md"
HEAD = """# Benchmarks

Made by `python -m benchmarks.tables` from the JSON in `results/`; no number is typed by hand. Speed-ups are ratios of
interleaved fresh processes with a 95 % confidence interval between processes; drops are paired, example by example.
"""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def interval(value: Mapping[str, float] | None, digits: int = 2, unit: str = "") -> str:
    """``1.23 (1.20 … 1.26)``."""
    if value is None:
        return "–"
    low, high = (f"{value[key]:.{digits}f}" for key in ("low", "high"))
    return f"{value['estimate']:.{digits}f}{unit} ({low} … {high})"


def faster(ratio: Mapping[str, float] | None) -> str:
    """A latency ratio as a speed-up."""
    if ratio is None:
        return "–"
    turned = {"estimate": 1 / ratio["estimate"], "low": 1 / ratio["high"], "high": 1 / ratio["low"]}
    return interval(turned, unit=" ×")


def run_page(run: Mapping[str, Any]) -> str:
    """One run: how it was measured, every candidate, limits, head-to-heads."""
    unit = run["score_unit"]
    rows = [
        [
            ("**" + c["label"] + "**" if c["best"] else c["label"])
            + (" (original)" if c["role"] == "original" else ""),
            interval(c["score"], unit=f" {unit}") + (" judge" if c["judged"] else " select" if c["score"] else ""),
            interval(c["drop"]),
            interval(c["latency"], digits=3),
            faster(c["ratio"]),
            f"{c['size'] / 1000:.0f}" if c["size"] else "–",
            c["status"] if c["status"] == "measured" else f"{c['status']}: {c['failure']}",
        ]
        for c in run["candidates"]
    ]
    parts = [
        f"## {run['title']}: {run['command']}\n",
        f"{run['verdict']}\n",
        (
            f"{run['target']}, {run['runtime']}, {run['processor']}; {run['time_used_s'] / 60:.0f} minutes of "
            f"{run['time_limit_s'] / 60:.0f}; data: {', '.join(f'{k} {v}' for k, v in run['data'].items())}. "
            f"Raw: [`{run['file']}`]({run['file']}).\n"
        ),
        table(["candidate", "score", "drop", "latency p50, ms", "speed-up", "size, kB", "status"], rows),
    ]
    if "whole_test_set" in run:
        whole = [
            [k, interval(v["score"], unit=f" {unit}"), interval(v["drop"])] for k, v in run["whole_test_set"].items()
        ]
        parts.append("On the whole test set:\n")
        parts.append(table(["file", "score", "drop"], whole))
    if run["pairs"]:
        pairs = [
            [p["a"], p["b"], p["quantity"], interval(p["difference"], unit=f" {p['unit']}"), p["outcome"]]
            for p in run["pairs"]
        ]
        head = ["a", "b", "quantity", "b relative to a", "outcome"]
        parts.append(
            f"<details><summary>Head to head, {len(pairs)} comparisons</summary>\n\n{table(head, pairs)}\n</details>\n"
        )
    return "\n".join(parts)


def shapes_page(result: Mapping[str, Any]) -> str:
    """Files that were timed in the same rounds, question by question."""
    parts = [f"## {result['title']}\n"]
    for entries in result["shapes"]:
        rows = [[e["label"], interval(e["p50"], digits=3), faster(e["ratio"]), str(e["pairs"])] for e in entries]
        parts.append(table(["file", "latency p50, ms", "speed-up over the first", "pairs"], rows))
    where = result["shapes"][0][0]
    parts.append(f"{where['runtime']}, {where['processor']}. Raw: [`{result['file']}`]({result['file']}).\n")
    return "\n".join(parts)


def blocks_page(result: Mapping[str, Any]) -> str:
    """Accuracy without some blocks."""
    rows = [
        [", ".join(entry["left_out"]), interval(entry["score"], unit=" %"), interval(entry["drop"])]
        for entry in result["blocks"]
    ]
    raw = f"{result['n']} examples of select. Raw: [`{result['file']}`]({result['file']}).\n"
    return "\n".join([f"## {result['title']}\n", table(["left out", "accuracy", "drop"], rows), raw])


def quantization_section(results: Sequence[Mapping[str, Any]]) -> str:
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


_EIGHT = ("QLinearConv", "QGemm", "QLinearMatMul", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "MatMulInteger")
_FLOAT = ("Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul")
_CONVERSIONS = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")


def _kernels(found: Mapping[str, int] | None) -> str:
    """Why a file is as fast as it is: layers by the kind of their kernels, and what turns numbers back and forth."""
    if found is None:
        return "–"
    eight, whole, turned = (sum(found.get(name, 0) for name in names) for names in (_EIGHT, _FLOAT, _CONVERSIONS))
    return f"{eight}, {whole}; {turned}"


def language_page(result: Mapping[str, Any]) -> str:
    """Narrow weights side by side, beside the float file and beside rounding to nearest."""
    rows = [
        [
            file["label"],
            interval(file["quality"]["score"], digits=3),
            interval(file["quality"]["drop"], digits=3) if file["label"] != "float" else "–",
            interval(file["to_nearest"]["drop"], digits=3) if file["to_nearest"] else "–",
            interval(file["p50"], digits=3),
            faster(file["ratio"]),
            f"{file['size'] / 1000:.0f}",
            f"{file['seconds']:.1f}" if file["seconds"] is not None else "–",
        ]
        for file in result["files"]
    ]
    rows += [[row["label"], *["–"] * 6, row["failure"]] for row in result["failed"]]
    trained = f"Trained for {result['steps']} steps, width {result['width']}. " if "steps" in result else ""
    head = [
        "file", result["score"], "drop", "drop from rounding to nearest", "latency p50, ms", "speed-up", "size, kB",
        "seconds to make",
    ]  # fmt: skip
    parts = [
        f"## {result['language']}\n",
        (
            f"{trained}{result['runtime']}, one thread, {result['processor']}; {result['examples']} examples, "
            f"{result['calibration']} for calibration. A drop below 0 is a gain. "
            f"Raw: [`{result['file']}`]({result['file']}).\n"
        ),
        table(head, rows),
    ]
    return "\n".join(parts)


def checkpoints_section(results: Sequence[Mapping[str, Any]]) -> str:
    """Networks of other people, cut as they are."""
    rows = [_cut_row(result["pruned_checkpoint"], result["file"]) for result in results]
    head = [
        "network", "groups to cut", "multiply-accumulates", "parameters", "file", "speed-up", "held-out score, cut",
        "recovered", "held by",
    ]  # fmt: skip
    first = results[0]["pruned_checkpoint"]["run"]
    return "\n".join(
        [
            "## Checkpoints of others, cut as they are\n",
            (
                f"`python -m benchmarks.pruned_checkpoints DATA`: every network is captured, cut to {results[0]['share']:.0%} "
                "of its multiply-accumulates by one and the same step, and recovers on what it said itself before the "
                f"cut. {first['target']}, {first['runtime']}, {first['processor']}.\n"
            ),
            table(head, rows),
        ]
    )


_NATURAL = ("has it as its kernel", "is an output", "is an input")


def _cut_row(case: Mapping[str, Any], file: str) -> list[str]:
    arms = {candidate["label"]: candidate for candidate in case["run"]["candidates"]}
    original, cut, recovered = (arms[label] for label in ("original", "cut", "cut, recovered"))
    unit = case["run"]["score_unit"]
    shares = [f"{recovered[key] / original[key]:.0%}" for key in ("macs", "parameters", "size")]
    scores = [interval(arm["score"], digits=1, unit=f" {unit}") for arm in (cut, recovered)]
    told = (reason for reason in case["frozen"] if not reason.endswith(_NATURAL))
    held = sorted({reason.partition(" (")[0] + " " + reason.partition(") ")[2] for reason in told})
    title = f"[{case['title']}]({file})"
    return [title, str(case["groups"]), *shares, faster(recovered["ratio"]), *scores, ", ".join(held)]


def overhead_page(result: Mapping[str, Any]) -> str:
    """The training loop beside one by hand."""
    rows = [
        [case["case"], f"{case['by_hand_ms']:.3f}", f"{case['train_ms']:.3f}", f"{case['overhead_percent']:.1f} %"]
        for case in result["overhead"]
    ]
    head = ["network and batch", "by hand, ms", "`Train`, ms", "more"]
    return (
        "## What `Train` costs beside a loop written by hand\n\n"
        "`python -m benchmarks.train_overhead`. Processor time of one optimizer step on one thread.\n\n"
        f"{table(head, rows)}\n"
        f"torch {result['torch']}, {result['processor']}. Raw: [`{result['file']}`]({result['file']}).\n"
    )


def pairs_page(result: Mapping[str, Any]) -> str:
    """Ways to distil beside a control."""
    case = result["distillation_pairs"]
    head = ["arm", "mean accuracy", "against the control (95 %)", "outcome"]
    rows = [[row[1], *row[2:5]] for row in training.rows(case, interval)]
    return (
        f"## {case['title']}\n\n`python -m benchmarks.distillation_pairs DATA`: {case['epochs']:g} epochs, {case['seeds']} seeds.\n\n"
        f"{table(head, rows)}\n"
        f"{case['device']}, {case['precision']}. Raw: [`{result['file']}`]({result['file']}).\n"
    )


def mixed_page(result: Mapping[str, Any]) -> str:
    """Which layers stay in float, and what that is worth."""
    parts = ["## Layers in float among layers of 8 bits\n"]
    for case in result["mixed"]:
        rows = [
            [
                file["label"],
                interval(file["quality"]["score"], unit=" %"),
                interval(file["quality"]["drop"]),
                interval(file["p50"], digits=3),
                faster(file["ratio"]),
                _in_float(file["layers"]),
                f"{file['seconds']:.0f}" if file["seconds"] is not None else "–",
            ]
            for file in case["files"]
        ]
        parts += [
            f"### {case['title']}\n",
            (
                f"{result['runtime']}, one thread, {case['processor']}; {result['calibration']} calibration examples. "
                f"Raw: [`{result['file']}`]({result['file']}).\n"
            ),
            table(["file", "score", "drop", "latency p50, ms", "speed-up", "left in float", "seconds to make"], rows),
        ]
    return "\n".join(parts)


def _in_float(layers: Sequence[Mapping[str, Any]] | None) -> str:
    if layers is None:
        return "–"
    return ", ".join(layer["layer"] for layer in layers if layer["in"] == "float") or "none"


PAGES = {
    "candidates": run_page,
    "shapes": shapes_page,
    "blocks": blocks_page,
    "language": language_page,
    "overhead": overhead_page,
    "distillation_pairs": pairs_page,
    "mixed": mixed_page,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", action="store_true", help="draw the pictures anew, too")
    options = parser.parse_args()
    results = record.latest()
    for path, text in pages(results).items():
        path.write_text(text)
        print(path)
    if options.pictures:
        headline.picture(results[headline.RUN], headline.PICTURE)
        print(headline.PICTURE)


def pages(results: Mapping[str, Mapping[str, Any]]) -> dict[Path, str]:
    """Every generated page by path."""
    sections = [page(result) for result in results.values() for key, page in PAGES.items() if key in result]
    made = {headline.README: headline.readme(results[headline.RUN], table, interval, faster)}
    trained = [result for result in results.values() if "training" in result]
    if trained:
        sections.append(training.section(trained, table, interval))
    rounded = [result for result in results.values() if "quantization" in result]
    if rounded:
        sections.append(quantization_section(rounded))
    cut = [result for result in results.values() if "pruned_checkpoint" in result]
    if cut:
        sections.append(checkpoints_section(cut))
    for result in results.values():
        if "coverage" in result:
            sections.append(coverage.section(result, table))
            made[coverage.PAGE] = coverage.models(result, table)
    return {**made, PAGE: "\n".join([HEAD, *sections])}


if __name__ == "__main__":
    main()
