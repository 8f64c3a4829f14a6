"""Tables in Markdown, and how numbers with intervals are said in them."""

from collections.abc import Mapping, Sequence

__all__ = ["faster", "interval", "table"]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def interval(value: Mapping[str, float] | None, digits: int = 2, unit: str = "") -> str:
    """``1.23 (1.20 … 1.26)``."""
    if value is None:
        return "–"
    estimate, low, high = (f"{round(value[key], digits) + 0.0:.{digits}f}" for key in ("estimate", "low", "high"))
    return f"{estimate}{unit} ({low} … {high})"


def faster(ratio: Mapping[str, float] | None) -> str:
    """A latency ratio as a speed-up."""
    if ratio is None:
        return "–"
    turned = {"estimate": 1 / ratio["estimate"], "low": 1 / ratio["high"], "high": 1 / ratio["low"]}
    return interval(turned, unit=" ×")
