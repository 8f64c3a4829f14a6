"""Which files are beaten by no other in everything that was measured."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from paredown.verdict.measured import Measured

__all__ = ["costs", "frontier"]


def costs(measured: Measured) -> dict[str, float]:
    """What a file costs, smaller is better: latency (ratio where there is one), drop, size, memory."""
    found: dict[str, float] = {}
    if measured.latency is not None:
        found["latency"] = measured.latency.ratio.estimate if measured.latency.ratio else 1.0
    if measured.quality is not None:
        found["drop"] = measured.quality.drop.estimate
    if measured.size is not None:
        found["size"] = float(measured.size.bytes)
    if measured.memory is not None:
        found["memory"] = float(measured.memory.over_empty_bytes)
    return found


def frontier(files: Sequence[Measured], quantities: Sequence[str] = ("latency", "drop", "size")) -> tuple[str, ...]:
    """Labels of the files that no other file beats or equals in all quantities while beating it in one.

    Args:
        files: measured in the quantities asked for; one that lacks any of them cannot be on the frontier.
        quantities: out of ``latency``, ``drop``, ``size``, ``memory``.

    """
    points = {measured.label: costs(measured) for measured in files}
    known = {label: cost for label, cost in points.items() if all(name in cost for name in quantities)}
    table = np.array([[cost[name] for name in quantities] for cost in known.values()])
    return tuple(label for label, row in zip(known, table, strict=True) if not _beaten(row, table))


def _beaten(row: NDArray[np.float64], by: NDArray[np.float64]) -> bool:
    """Whether one of these is nowhere more and somewhere less."""
    return bool(((by <= row).all(axis=1) & (by < row).any(axis=1)).any())
