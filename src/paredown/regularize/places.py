"""Where in a network noise belongs."""

from collections.abc import Iterable, Sequence

import torch
from torch import fx

from paredown.errors import RecipeError
from paredown.graph.network import Network, module_path
from paredown.recipe.inserts import shaped
from paredown.recipe.taps import find, meant

__all__ = ["before_head", "bottlenecks", "maps", "named", "rank"]

_aten = torch.ops.aten
_LINEAR = frozenset({_aten.linear.default, _aten.addmm.default, _aten.mm.default})
_ACTIVATIONS = frozenset(
    {
        *(_aten.relu.default, _aten.relu_.default, _aten.relu6.default, _aten.leaky_relu.default, _aten.elu.default),
        *(_aten.gelu.default, _aten.silu.default, _aten.silu_.default, _aten.mish.default, _aten.hardtanh.default),
        *(_aten.hardswish.default, _aten.hardswish_.default, _aten.prelu.default, _aten.tanh.default),
    }
)

_MIXED = frozenset({*_ACTIVATIONS, _aten.add.Tensor, _aten.add_.Tensor})


def named(network: Network, patterns: Iterable[str]) -> list[fx.Node]:
    """The nodes of module paths, globs of them, or node names.

    Raises:
        RecipeError: there is no such module or node.

    """
    found = (find(network, path) for pattern in patterns for path in meant(network, pattern))
    return list(dict.fromkeys(found))


def before_head(network: Network, who: str) -> list[fx.Node]:
    """The value that the last linear layer reads.

    Raises:
        RecipeError: there is no linear layer.

    """
    linear = [node for node in network.nodes() if node.target in _LINEAR]
    if not linear:
        msg = f"{who} stands before the last linear layer, and this network has none. {_say_where(network, who)}"
        raise RecipeError(msg)
    position = 1 if linear[-1].target is _aten.addmm.default else 0
    value = linear[-1].args[position]
    return [value] if isinstance(value, fx.Node) else []


def maps(network: Network, who: str) -> list[fx.Node]:
    """Feature maps ``[n, channels, height, width]`` that leave an activation function.

    Raises:
        RecipeError: there are none.

    """
    found = [
        node
        for node in shaped(network).nodes()
        if node.target in _ACTIVATIONS and rank(node) == 4 and not _leaves(node)
    ]
    if not found:
        msg = (
            f"{who} stands behind activation functions of feature maps [n, channels, height, width], and this network "
            f"has none. {_say_where(network, who)}"
        )
        raise RecipeError(msg)
    return found


def bottlenecks(network: Network) -> list[fx.Node]:
    """Values with one row per example through which all passes that the outputs learn of the inputs.

    The input where there is one, then sums and values of activation functions, in order of execution.
    """
    nodes = list(shaped(network).nodes())
    inputs = [node for node in nodes if node.op == "placeholder"]
    position = {node: at for at, node in enumerate(nodes)}
    known, alive, found = set(inputs), set(inputs), []
    for at, node in enumerate(nodes):
        if node.op == "output":
            break
        if not known.isdisjoint(node.all_input_nodes) and not isinstance(node.meta["val"], (int, torch.SymInt)):
            known.add(node)
            alive.add(node)
        alive = {other for other in alive if any(position[user] > at for user in other.users)}
        inside = node.op == "placeholder" or (node.target in _MIXED and not _leaves(node))
        if inside and alive == {node} and _by_example(node, inputs[0]):
            found.append(node)
    return found


def _leaves(node: fx.Node) -> bool:
    return all(user.op == "output" for user in node.users)


def _by_example(node: fx.Node, first: fx.Node) -> bool:
    value, given = node.meta["val"], first.meta["val"]
    return bool(value.dtype.is_floating_point and value.ndim and str(value.shape[0]) == str(given.shape[0]))


def rank(node: fx.Node) -> int:
    """Number of dimensions of a node's value."""
    value = node.meta["val"]
    return int(value.ndim) if isinstance(value, torch.Tensor) else 0


def _say_where(network: Network, who: str) -> str:
    paths: Sequence[str] = list(dict.fromkeys(module_path(node) for node in network.nodes() if module_path(node)))
    return f"Say where: `{who}(at=({paths[len(paths) // 2]!r},))`." if paths else "Leave it out of `using`."
