"""Files that were timed in the same rounds."""

from collections.abc import Mapping
from typing import Any

from benchmarks.pages.cells import faster, interval, table

__all__ = ["section"]


def section(result: Mapping[str, Any]) -> str:
    """Files that were timed in the same rounds, question by question."""
    parts = [f"## {result['title']}\n"]
    for entries in result["shapes"]:
        rows = [[e["label"], interval(e["p50"], digits=3), faster(e["ratio"]), str(e["pairs"])] for e in entries]
        parts.append(table(["file", "latency p50, ms", "speed-up over the first", "pairs"], rows))
    where = result["shapes"][0][0]
    parts.append(f"{where['runtime']}, {where['processor']}. Raw: [`{result['file']}`]({result['file']}).\n")
    return "\n".join(parts)
