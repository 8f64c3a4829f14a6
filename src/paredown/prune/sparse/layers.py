"""The weights that can be made sparse, and each as rows of what makes one output."""

import dataclasses
import difflib
import fnmatch
from collections.abc import Iterable, Sequence

import torch
from torch import fx

from paredown.errors import RecipeError
from paredown.graph.network import Network
from paredown.graph.patches import LAYERS, groups_of
from paredown.graph.sparsity import sparse_weights
from paredown.prune.sparse.pattern import Pattern
from paredown.prune.where import Where

__all__ = ["Layer", "find"]


@dataclasses.dataclass(frozen=True)
class Layer:
    """A weight that only convolutions or linear layers read.

    Attributes:
        name: of the weight.
        readers: names of the nodes that read it, in order of execution.
        weight: its values ``[out, inputs, kernel ...]``, on the CPU.
        groups: of the convolution.
        alive: which weights are not meant to be 0 already; of the weight's shape.

    """

    name: str
    readers: tuple[str, ...]
    weight: torch.Tensor
    groups: int
    alive: torch.Tensor

    def rows(self, tensor: torch.Tensor) -> torch.Tensor:
        """A tensor of the weight's shape as ``[groups, rows, columns]``, columns as in `Pattern`."""
        outputs, inputs = tensor.shape[:2]
        return tensor.reshape(self.groups, outputs // self.groups, inputs, -1).transpose(2, 3).flatten(2)

    def whole(self, rows: torch.Tensor) -> torch.Tensor:
        """The inverse of `rows`."""
        outputs, inputs = self.weight.shape[:2]
        return rows.reshape(self.groups, outputs // self.groups, -1, inputs).transpose(2, 3).reshape(self.weight.shape)

    def columns(self, patches: torch.Tensor) -> torch.Tensor:
        """Patches ``[positions, groups, inputs x kernel]`` with their inputs in the order of the columns."""
        inputs = self.weight.shape[1]
        return patches.reshape(*patches.shape[:2], inputs, -1).transpose(2, 3).flatten(2)


def find(network: Network, where: Where, pattern: Pattern) -> tuple[tuple[Layer, ...], dict[str, str]]:
    """The layers that are meant and fit the pattern, and why others stay as they are, by name of the weight.

    Raises:
        RecipeError: `where` meets nothing, or nothing is left.

    """
    weights = _weights(network)
    _check(where, list(weights))
    sparse = sparse_weights(network)
    parameters = dict(network.named_parameters())
    layers: list[Layer] = []
    left: dict[str, str] = {}
    for name, readers in weights.items():
        reason = _against(where, name, readers, parameters, pattern)
        if reason:
            left[name] = reason
            continue
        weight = parameters[name].detach().cpu()
        alive = weight != 0 if name in sparse else torch.ones_like(weight, dtype=torch.bool)
        layers.append(Layer(name, tuple(node.name for node in readers), weight, groups_of(readers[0]), alive))
    if not layers:
        raise RecipeError(_nothing(where, left))
    return tuple(layers), left


def _weights(network: Network) -> dict[str, list[fx.Node]]:
    """What reads each weight of a layer, by its first name."""
    first = {id(weight): name for name, weight in network.named_parameters()}
    names = {name: first[id(weight)] for name, weight in network.named_parameters(remove_duplicate=False)}
    users: dict[str, list[fx.Node]] = {}
    layers: set[str] = set()
    for node in network.nodes():
        for source in node.all_input_nodes:
            name = names.get(str(source.target)) if source.op == "get_attr" else None
            if name is not None:
                users.setdefault(name, []).append(node)
                if node.target in LAYERS and node.args[1] is source:
                    layers.add(name)
    return {name: readers for name, readers in users.items() if name in layers}


def _against(
    where: Where, name: str, readers: Sequence[fx.Node], parameters: dict[str, torch.nn.Parameter], pattern: Pattern
) -> str:
    """Why a weight stays as it is; empty where nothing speaks against zeros."""
    if (where.include and not _meet(where.include, name)) or _meet(where.exclude, name):
        return "not asked for"
    other = next((node for node in readers if node.target not in LAYERS), None)
    if other is not None:
        return f"{other.target} (node {other.name}) reads it too"
    shape, run = parameters[name].shape, pattern.run
    if run is not None and shape[1] % run:
        return f"its {shape[1]} inputs per group are no multiple of {run}"
    return ""


def _meet(patterns: Iterable[str], name: str) -> bool:
    path = name.rpartition(".")[0]
    return any(
        pattern in (name, path) or path.startswith(f"{pattern}.") or fnmatch.fnmatchcase(path, pattern)
        for pattern in patterns
    )


def _check(where: Where, names: Sequence[str]) -> None:
    for pattern in (*where.include, *where.exclude):
        if not any(_meet([pattern], name) for name in names):
            near = difflib.get_close_matches(pattern, names, n=5, cutoff=0.3) or names[:5]
            msg = (
                f"No weight of a convolution or linear layer meets the pattern {pattern!r}. Patterns are module paths, "
                f"globs or names of weights; the nearest are {', '.join(map(repr, near))}."
            )
            raise RecipeError(msg)


def _nothing(where: Where, left: dict[str, str]) -> str:
    if not left:
        return (
            "This network has no convolution or linear layer with a stored weight, so no weights can be made sparse. "
            "Leave the step out."
        )
    shown = "; ".join(f"{name!r}: {reason}" for name, reason in list(left.items())[:3])
    return f"{where} and the pattern leave no weight to make sparse ({shown}). Exclude less, or use Unstructured()."
