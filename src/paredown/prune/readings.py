"""Where the values of a coupled group are read."""

import dataclasses
from collections.abc import Iterable

from torch import fx

from paredown.errors import RecipeError
from paredown.graph.axes import Axes, Carrier, Group
from paredown.graph.axes.dims import Dim, leaves
from paredown.graph.network import Network

__all__ = ["Meetings", "Reading", "readings"]


@dataclasses.dataclass(frozen=True)
class Reading:
    """Values of a group, on their way into an operator.

    Attributes:
        source: name of the node whose values they are.
        operator: name of the node that reads them; empty where they are taken as they are given, to all that read them.
        carrier: axis of the weight by which the operator reads them; None where `operator` is empty.

    """

    source: str
    operator: str = ""
    carrier: Carrier | None = None


class Meetings:
    """Where parameters meet data.

    Attributes:
        alone: the nodes that are made of parameters alone, with their names.
        users: per parameter the operators that bring it together with data, directly or after nodes of `alone`.

    """

    def __init__(self, network: Network) -> None:
        self.alone: dict[fx.Node, tuple[str, ...]] = {}
        self.users: dict[str, list[fx.Node]] = {}
        for node in network.nodes():
            sources = node.all_input_nodes
            names = tuple(dict.fromkeys(name for source in sources for name in self.alone.get(source, ())))
            if node.op == "get_attr":
                self.alone[node] = (str(node.target),)
            elif node.op == "call_function" and sources and all(source in self.alone for source in sources):
                self.alone[node] = names
            elif node.op == "call_function":
                for name in names:
                    self.users.setdefault(name, []).append(node)


def readings(network: Network, axes: Axes, groups: Iterable[Group]) -> dict[str, tuple[Reading, ...]]:
    """Per group every place where one of its weights reads its values: what a cut takes from that weight.

    Where no weight does (dimensions of queries and keys), the values that its weights give out. At a recurrent layer,
    which reads its weights more than once, what it gives out or else what it is given.

    Raises:
        RecipeError: a group has no values at any operator that uses its weights.

    """
    meetings = Meetings(network)
    found = {group.name: tuple(dict.fromkeys(_of(axes, group, meetings))) for group in groups}
    for name, places in found.items():
        if not places:
            msg = (
                f"The values of group {name!r} cannot be looked at: no operator reads them with a weight or gives them. "
                f"Use a criterion of weights, such as prune.L2(), or leave it out: Where(exclude=({name!r},))."
            )
            raise RecipeError(msg)
    return found


def _of(axes: Axes, group: Group, meetings: Meetings) -> list[Reading]:
    leaf = axes.leaf(group.name)
    for role in ("in", "out", "other"):
        found: list[Reading] = []
        for carrier in group.carriers:
            for node in meetings.users.get(carrier.name, ()) if carrier.role == role else ():
                data = [source for source in node.all_input_nodes if source not in meetings.alone]
                found += _read(axes, leaf, node, data, carrier) if role == "in" else _given(axes, leaf, node)
        if found:
            return found
    return []


def _read(axes: Axes, leaf: Dim, node: fx.Node, data: Iterable[fx.Node], carrier: Carrier) -> list[Reading]:
    sources = [source.name for source in data if _holds(axes, leaf, source)]
    if _is_tensor(axes, node):
        return [Reading(source, node.name, carrier) for source in sources]
    return _given(axes, leaf, node) or [Reading(source) for source in sources]


def _given(axes: Axes, leaf: Dim, node: fx.Node) -> list[Reading]:
    outputs = [node] if _is_tensor(axes, node) else [user for user in node.users if user.args[1:] == (0,)]
    return [Reading(output.name) for output in outputs if _holds(axes, leaf, output)]


def _is_tensor(axes: Axes, node: fx.Node) -> bool:
    value = axes.nodes.get(node.name)
    return isinstance(value, list) and all(isinstance(item, Dim) for item in value)


def _holds(axes: Axes, leaf: Dim, node: fx.Node) -> bool:
    return _is_tensor(axes, node) and any(leaf in leaves(dim) for dim in axes.nodes[node.name])
