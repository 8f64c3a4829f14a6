"""What rounding does inside of the best file, as rows of a table."""

import dataclasses
from typing import TYPE_CHECKING

from paredown.report.numbers import MISSING, fixed

if TYPE_CHECKING:
    from paredown.run.summary import RoundedSummary, RoundingSummary, RunSummary

__all__ = ["RoundedRow", "RoundingView", "rounding"]

_WORST = 5
_FULL_DB = 60.0  # a bar of full length: rounding that hardly matters


@dataclasses.dataclass(frozen=True)
class RoundedRow:
    """One value; the bar is its signal-to-noise."""

    name: str
    node: str
    snr: str
    own: str
    file: str
    clipped: str
    reason: str
    bar: float  # per cent
    worst: bool


@dataclasses.dataclass(frozen=True)
class RoundingView:
    """A sentence for the whole, the rows in the order of the graph, and the worst of them."""

    sentence: str
    rows: tuple[RoundedRow, ...]
    worst: tuple[RoundedRow, ...]


def rounding(summary: "RunSummary") -> RoundingView | None:
    """None where the best file computes in float, or nothing is known about it."""
    found = summary.rounding
    if found is None or not found.nodes:
        return None
    order = sorted(found.nodes, key=lambda node: node.snr_db)
    lowest = order[:_WORST]
    rows = {node.node: _row(node, worst=node in lowest) for node in found.nodes}
    return RoundingView(_sentence(found), tuple(rows.values()), tuple(rows[node.node] for node in lowest))


def _sentence(found: "RoundingSummary") -> str:
    names = {node.node: _name(node) for node in found.nodes}
    last = found.nodes[-1]
    file = ", and through the file" if any(node.file_db is not None for node in found.nodes) else ""
    run = f"{found.examples} calibration examples went through {found.candidate} with and without rounding{file}."
    end = f"The last rounded value has a signal-to-noise of {fixed(last.snr_db, 0)} dB."
    first = f"The first below 20 dB is {names[found.first]}." if found.first else "No value falls below 20 dB."
    words = [run, end, first]
    if found.first_in_file:
        words.append(f"The file first differs from the network at {names[found.first_in_file]}.")
    return " ".join(words)


def _name(node: "RoundedSummary") -> str:
    return f"{node.layer}: {node.node}" if node.layer else node.node


def _row(node: "RoundedSummary", *, worst: bool) -> RoundedRow:
    return RoundedRow(
        _name(node),
        node.node,
        fixed(node.snr_db, 1),
        fixed(node.own_db, 1),
        fixed(node.file_db, 0) if node.file_db is not None else MISSING,
        f"{fixed(100 * node.clipped, 2)} %",
        node.reason,
        round(100 * max(0.0, min(1.0, node.snr_db / _FULL_DB)), 1),
        worst,
    )
