"""Values from inside a network, by module path or node name."""

import dataclasses
from collections.abc import Iterable, Iterator

from torch import fx

from paredown.errors import RecipeError
from paredown.graph.network import Network, module_path
from paredown.recipe.nearest import nearest

__all__ = ["Taps", "find"]


def find(network: Network, path: str) -> fx.Node:
    """The node whose value leaves a module, or the node of that name.

    Args:
        network: any network.
        path: dotted path as in ``model.named_modules()``, or a node's name.

    Raises:
        RecipeError: there is no such module or node, or it gives no single tensor; the nearest ones are listed.

    """
    nodes = [node for node in network.nodes() if node.op == "call_function"]
    within = {node: None for node in nodes if f"{module_path(node)}.".startswith(f"{path}.")}
    leaving = [node for node in within if any(user not in within for user in node.users)]
    named = [node for node in nodes if node.name == path]
    found = (leaving or named)[-1:]
    if not found:
        known = [*_paths(nodes), *(node.name for node in nodes)]
        msg = (
            f"There is no module or node {path!r} to tap in this network. "
            f"A tap is a path as in `model.named_modules()` or a node's name. The nearest are {nearest(path, known)}."
        )
        raise RecipeError(msg)
    return found[0]


def _paths(nodes: Iterable[fx.Node]) -> Iterator[str]:
    for node in nodes:
        parts = module_path(node).split(".")
        yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1) if parts[0])


@dataclasses.dataclass
class Taps:
    """Extra outputs on a network's graph, for as long as they are needed.

    The values come after the network's own outputs, where `Network.forward` does not look, so the network behaves as
    before for everybody else.
    """

    network: Network
    nodes: dict[str, fx.Node] = dataclasses.field(default_factory=dict)

    def add(self, path: str) -> None:
        """Give out the value of a module path or node from now on."""
        if path not in self.nodes:
            self.nodes[path] = find(self.network, path)
            self._give([*self._own(), *self.nodes.values()])

    def remove(self) -> None:
        """Make the graph what it was."""
        if self.nodes:
            own = self._own()
            self.nodes.clear()
            self._give(own)

    def _own(self) -> list[fx.Node]:
        output = self._output()
        return list(output.args[0])[: len(self.network.out_structure.leaves())]  # type: ignore[arg-type]

    def _output(self) -> fx.Node:
        return next(node for node in reversed(list(self.network.nodes())) if node.op == "output")

    def _give(self, values: list[fx.Node]) -> None:
        self._output().args = (tuple(values),)
        self.network.recompile()
