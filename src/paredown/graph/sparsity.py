"""Weights whose zeros stay: the one form in which unstructured sparsity lives in a graph.

A sparse weight holds its zeros itself, so that files, criteria, cuts, folding and rounding see plain numbers and need
no rule for masks. What says that the zeros are meant is a note on the nodes that read the weight; it is copied, stored
and hashed with the graph, and training keeps those zeros (`paredown.recipe`).
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from torch import fx, nn

if TYPE_CHECKING:
    from paredown.graph.network import Network

__all__ = ["is_sparse", "mark_sparse", "sparse_weights", "sparsity"]

_NOTE = "paredown_sparse"


def is_sparse(node: fx.Node) -> bool:
    """Whether a node reads a weight whose zeros stay."""
    return node.op == "get_attr" and bool(node.meta.get(_NOTE))


def mark_sparse(network: "Network", names: Iterable[str]) -> None:
    """Let the zeros of some weights stay from now on, under all names of tied ones; the network is changed."""
    weights = {id(network.get_parameter(name)) for name in names}
    tied = {name for name, weight in network.named_parameters(remove_duplicate=False) if id(weight) in weights}
    for node in network.nodes():
        if node.op == "get_attr" and str(node.target) in tied:
            node.meta[_NOTE] = True


def sparse_weights(network: "Network") -> dict[str, nn.Parameter]:
    """Every weight whose zeros stay, by name, tied ones once."""
    noted = {id(network.get_parameter(name)) for name in _noted(network)}
    return {name: weight for name, weight in network.named_parameters() if id(weight) in noted}


def _noted(network: "Network") -> Iterator[str]:
    """Names under which noted weights are read."""
    # What is made beside a weight (a folded bias, a scale) inherits its notes, and has one dimension or no zeros.
    every = {name for name, weight in network.named_parameters(remove_duplicate=False) if weight.ndim > 1}
    return (str(node.target) for node in network.nodes() if is_sparse(node) and str(node.target) in every)


def sparsity(network: "Network") -> float:
    """Zeros among the entries of the sparse weights, as a share of all parameters."""
    every = sum(weight.numel() for weight in network.parameters())
    zeros = sum(int((weight == 0).sum()) for weight in sparse_weights(network).values())
    return zeros / every if every else 0.0
