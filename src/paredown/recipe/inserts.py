"""Modules put into a network's graph for as long as it is trained."""

import dataclasses

from torch import fx, nn

from paredown.errors import RecipeError
from paredown.graph.network import Network, module_path
from paredown.graph.shapes import propagate
from paredown.recipe.ingredient import Hook

__all__ = ["Insert", "Inserts", "shaped"]

_PREFIX = "paredown_insert"


@dataclasses.dataclass(frozen=True)
class Insert:
    """A module that changes the value of a node on its way to the nodes that use it.

    Attributes:
        node: has one tensor as value; parameters (``get_attr``) will do.
        module: has no parameters or buffers, keeps the shape, and gives its input back in eval mode, so that what is
            evaluated and what is returned is the network without it.
        users: nodes that get the changed value; all that use it now if None.
        draws: two passes over the same batch get different values, as with dropout.

    """

    node: fx.Node
    module: nn.Module
    users: tuple[fx.Node, ...] | None = None
    draws: bool = True


class Inserts(Hook):
    """Noise and dropout at nodes of a network; a hook that takes them out again when the training is over.

    Args:
        network: the student of one training; its graph is changed by `add` and is what it was after `leave`.

    """

    def __init__(self, network: Network) -> None:
        self._network = shaped(network)
        self._added: list[tuple[fx.Node, str]] = []

    def add(self, *inserts: Insert) -> None:
        """Put modules in, one after the other; outputs and taps get values as they are.

        Raises:
            RecipeError: nothing but the output uses a value.

        """
        for insert in inserts:
            self._put(insert)
        self._network.recompile()

    def _put(self, insert: Insert) -> None:
        node = insert.node
        readers = [user for user in (insert.users or node.users) if user.op != "output"]
        if not readers:
            where = f"{node.name!r} (module {module_path(node)!r})"
            msg = (
                f"Nothing in the network uses the value of {where} but its output, which is left as it is. "
                "Name a place before that."
            )
            raise RecipeError(msg)
        graph_module = self._network.graph_module
        name = next(n for i in range(10**6) if not hasattr(graph_module, n := f"{_PREFIX}_{i}"))
        graph_module.add_submodule(name, insert.module.train(self._network.training))
        with graph_module.graph.inserting_after(_last_placeholder(node)):
            changed = graph_module.graph.call_module(name, (node,))
        changed.meta = {**node.meta, "draws": insert.draws}
        for reader in readers:
            reader.replace_input_with(node, changed)
        self._added.append((changed, name))

    def leave(self, network: Network) -> None:
        """Make the graph what it was."""
        for node, name in reversed(self._added):
            node.replace_all_uses_with(node.all_input_nodes[0])
            network.graph_module.graph.erase_node(node)
            network.graph_module.delete_submodule(name)
        if self._added:
            self._added.clear()
            network.recompile()


def shaped(network: Network) -> Network:
    """The network itself with a shape on every node (``node.meta["val"]``), computed only where some are missing."""
    if any("val" not in node.meta for node in network.nodes() if node.op == "call_function"):
        values = {node.name: node.meta.get("val") for node in propagate(network.copy().to("cpu")).nodes()}
        for node in network.nodes():
            if values[node.name] is not None:
                node.meta["val"] = values[node.name]
    return network


def _last_placeholder(node: fx.Node) -> fx.Node:
    """Where to insert after a node: inputs of the graph stand before everything else."""
    while node.op == "placeholder" and node.next.op == "placeholder":
        node = node.next
    return node
