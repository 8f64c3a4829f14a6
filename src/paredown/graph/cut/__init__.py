"""Cutting: a network without some indices of its groups, proven by running it."""

from paredown.graph.cut.cutting import cut
from paredown.graph.cut.proof import prove

__all__ = ["cut", "prove"]
