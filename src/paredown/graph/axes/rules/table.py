"""Building a room's table from operator names."""

from collections.abc import Iterable

import torch

from paredown.graph.axes.analysis import Rule

__all__ = ["overloads"]


def overloads(names: str | Iterable[str], rule: Rule) -> dict[object, Rule]:
    """Give every overload of the named ATen operators one rule; a name this torch does not have is left out."""
    table: dict[object, Rule] = {}
    for name in names.split() if isinstance(names, str) else names:
        packet = getattr(torch.ops.aten, name, None)
        for overload in packet.overloads() if packet is not None else ():
            table[getattr(packet, overload)] = rule
    return table
