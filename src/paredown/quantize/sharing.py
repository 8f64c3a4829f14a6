"""Which parameters belong to one reader alone."""

from collections import Counter

from torch import fx

from paredown.graph.network import Network

__all__ = ["Sharing"]


class Sharing:
    """How often each parameter of a network is read, tied names taken together."""

    def __init__(self, network: Network) -> None:
        self._parameters = dict(network.named_parameters(remove_duplicate=False))
        self._readers: Counter[int] = Counter()
        for node in network.nodes():
            if node.op == "get_attr" and str(node.target) in self._parameters:
                self._readers[id(self._parameters[str(node.target)])] += len(node.users)

    def alone(self, argument: object) -> bool:
        """Whether an argument is a parameter that is read in one place."""
        if not isinstance(argument, fx.Node) or argument.op != "get_attr":
            return False
        name = str(argument.target)
        return name in self._parameters and self._readers[id(self._parameters[name])] == 1
