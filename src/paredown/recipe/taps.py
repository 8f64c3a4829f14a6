"""Values from inside a network, by module path, glob or node name."""

import dataclasses
import fnmatch
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import fx

from paredown.errors import RecipeError
from paredown.graph.network import Network, module_path
from paredown.recipe.nearest import nearest

__all__ = ["Taps", "find", "matching", "meant"]


def matching(pattern: str, paths: Iterable[str], owner: str = "this network") -> tuple[str, ...]:
    """The paths that a pattern means, in the order in which they are given.

    Args:
        pattern: a path as in ``model.named_modules()``, a node's name, or a glob, in which ``*`` stays within one part
            of a path: ``layer*.1`` means ``layer1.1`` and ``layer2.1``, and nothing inside of them.
        paths: those there are.
        owner: whose they are, for the message.

    Raises:
        RecipeError: there are none; the nearest ones are listed.

    """
    known = list(dict.fromkeys(paths))
    found = (pattern,) if pattern in known else tuple(path for path in known if _meets(pattern, path))
    if not found:
        msg = (
            f"There is no module or node {pattern!r} to tap in {owner}. "
            "A tap is a path as in `model.named_modules()`, a glob of such paths, or a node's name. "
            f"The nearest are {nearest(pattern, known)}."
        )
        raise RecipeError(msg)
    return found


def _meets(pattern: str, path: str) -> bool:
    wanted, parts = pattern.split("."), path.split(".")
    return len(wanted) == len(parts) and all(map(fnmatch.fnmatchcase, parts, wanted))


def find(network: Network, path: str, owner: str = "this network") -> fx.Node:
    """The node whose value leaves a module, or the node of that name.

    Args:
        network: any network.
        path: dotted path as in ``model.named_modules()``, or a node's name.
        owner: whose they are, for the message.

    Raises:
        RecipeError: there is no such module or node; the nearest ones are listed.

    """
    nodes = _operators(network)
    within = {node: None for node in nodes if f"{module_path(node)}.".startswith(f"{path}.")}
    leaving = [node for node in within if any(user not in within for user in node.users)]
    named = [node for node in nodes if node.name == path]
    if not (leaving or named):
        matching(path, _known(network), owner)
    return (leaving or named or list(within))[-1]


def meant(network: Network, pattern: str, owner: str = "this network") -> tuple[str, ...]:
    """The modules of a network that a path or glob means; its nodes only where it means no module.

    Raises:
        RecipeError: there is no such module or node; the nearest ones are listed.

    """
    modules = list(_paths(_operators(network)))
    some = any(_meets(pattern, path) for path in modules)
    return matching(pattern, modules if some else _known(network), owner)


def _operators(network: Network) -> list[fx.Node]:
    return [node for node in network.nodes() if node.op == "call_function"]


def _known(network: Network) -> list[str]:
    nodes = _operators(network)
    return [*dict.fromkeys(_paths(nodes)), *(node.name for node in nodes)]


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
    owner: str = "this network"

    def add(self, pattern: str) -> tuple[str, ...]:
        """Give out the values of a module path, glob or node from now on; returns the paths it means (`meant`).

        Raises:
            RecipeError: there is no such module or node; the nearest ones are listed.

        """
        paths = meant(self.network, pattern, self.owner)
        for path in paths:
            if path not in self.nodes:
                self.nodes[path] = find(self.network, path)
        self._give([*self._own(), *self.nodes.values()])
        return paths

    def values(self, flat: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
        """The tapped values, by path, in what the tapped graph returned."""
        return dict(zip(self.nodes, flat[len(flat) - len(self.nodes) :], strict=True))

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
