"""The axes engine: which indices of which tensors belong together, and which operator holds them."""

from paredown.graph.axes.analysis import Analysis
from paredown.graph.axes.groups import Axes, Carrier, Group
from paredown.graph.network import Network

__all__ = ["Axes", "Carrier", "Group", "analyse"]


def analyse(network: Network) -> Axes:
    """Describe every axis of every tensor of a network; the network is left as it is.

    One pass over the graph; an operator without a rule freezes what it touches and is named in `Group.frozen_by`.
    """
    from paredown.graph.axes.rules import POINTWISE, RULES  # noqa: PLC0415 (rules import the analysis)

    analysis = Analysis(network)
    analysis.run(RULES, POINTWISE)
    return Axes(analysis)
