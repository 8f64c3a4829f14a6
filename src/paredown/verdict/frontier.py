"""Which files are beaten by no other in everything that was measured."""

from collections.abc import Mapping, Sequence

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
    return tuple(
        label
        for label, cost in known.items()
        if not any(_beats(other, cost, quantities) for name, other in known.items() if name != label)
    )


def _beats(one: Mapping[str, float], two: Mapping[str, float], quantities: Sequence[str]) -> bool:
    return all(one[name] <= two[name] for name in quantities) and any(one[name] < two[name] for name in quantities)
