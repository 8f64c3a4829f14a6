"""How often intervals cover what they promise."""

from collections.abc import Mapping
from typing import Any

from benchmarks.pages.cells import table

__all__ = ["section"]


def section(result: Mapping[str, Any]) -> str:
    """Coverage by simulation, case by case."""
    rows = [[row["case"], f"{100 * row['covered']:.1f} %", f"{row['width']:.2f}"] for row in result["intervals"]]
    return (
        "## Whether intervals of recipes cover what they promise\n\n"
        f"`python -m benchmarks.intervals`: {result['draws']} draws with a known truth in every row. *Covered* should be 95 %; "
        "*width* is that of the median interval over one that knew the true error, which nobody does.\n\n"
        f"{table(['what', 'covered', 'width'], rows)}\n"
        f"Raw: [`{result['file']}`]({result['file']}).\n"
    )
