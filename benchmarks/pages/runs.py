"""A run of `compress` or `compare`."""

from collections.abc import Mapping
from typing import Any

from benchmarks.pages.cells import faster, interval, table

__all__ = ["again", "section"]


def section(run: Mapping[str, Any]) -> str:
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
        if "again" in run:
            parts.append(f"{again(run['again'])}\n")
        parts.append(
            f"<details><summary>Head to head, {len(pairs)} comparisons</summary>\n\n{table(head, pairs)}\n</details>\n"
        )
    return "\n".join(parts)


def again(found: Mapping[str, Any]) -> str:
    """That head-to-heads were decided anew, and how many are decided since; see `benchmarks.again`."""
    changed = [
        f"{group} {after} decided, before {found['before'][group]}"
        for group, after in found["after"].items()
        if after != found["before"][group]
    ]
    told = "; ".join(changed) or "none has another outcome"
    return f"Head-to-heads were decided anew from the stored numbers on {found['on']} (`python -m benchmarks.again`): {told}."
