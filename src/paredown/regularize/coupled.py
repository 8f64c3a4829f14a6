"""Slices of coupled weights: what leaves the network together when an index of a group is cut."""

import dataclasses
from collections.abc import Callable, Iterator

import torch
from torch import nn

from paredown.errors import RecipeError
from paredown.graph.axes import Axes, Carrier, Group, analyse
from paredown.graph.cut.indices import Indices, coordinates, spread
from paredown.graph.cut.weights import members
from paredown.graph.network import Network

__all__ = ["Slices", "bare", "coupled"]


@dataclasses.dataclass(frozen=True)
class Slices:
    """The weights of one coupled group, index by index.

    Attributes:
        group: the group.
        members: weights that produce or consume it, each with the index of every entry, as tensors that broadcast with
            the weight (one per part of its axis that holds the group); entries that are of no index have `count`.

    """

    group: Group
    members: tuple[tuple[nn.Parameter, tuple[torch.Tensor, ...]], ...]

    @property
    def count(self) -> int:
        """Number of indices, over all outer ones."""
        return (self.group.outer or 1) * self.group.size

    def sums(self, entries: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """Sum of entries of all members at each index, ``[count]``; differentiable.

        Args:
            entries: what counts of a weight, of its shape.

        """
        total = self.members[0][0].new_zeros(self.count + 1)
        for weight, places in self.members:
            values = entries(weight)
            for at in places:
                gone = [axis for axis, length in enumerate(at.shape) if length == 1]
                table = values.sum(gone, keepdim=True) if gone else values
                total = total.index_add(0, at.flatten(), table.flatten())
        return total[:-1]

    @torch.no_grad()
    def scale(self, factors: torch.Tensor) -> None:
        """Multiply what all members hold at each index by its factor ``[count]``, in place."""
        padded = torch.cat([factors, factors.new_ones(1)])
        for weight, places in self.members:
            for at in places:
                weight.mul_(padded[at])


def coupled(network: Network, who: str) -> tuple[Slices, ...]:
    """The slices of every group that can be cut and whose weights can be trained.

    Args:
        network: the student of one training; what other ingredients put into its graph is looked past.
        who: the ingredient that asks.

    Raises:
        RecipeError: there is none.

    """
    axes = analyse(bare(network))
    found = [Slices(group, tuple(_members(network, axes, group))) for group in axes.free]
    found = [slices for slices in found if slices.members]
    if not found:
        held = "; ".join(f"{group.name!r} by {group.frozen_by}" for group in axes.groups[:3] if not group.free)
        msg = (
            f"{who} works on weights of groups that can be cut, and this network has none that can be trained"
            f"{f' (held: {held})' if held else ''}. Leave it out of `using`."
        )
        raise RecipeError(msg)
    return tuple(found)


def bare(network: Network) -> Network:
    """A copy without what ingredients have added: inserted modules, and outputs beside the network's own."""
    network = network.copy()
    graph = network.graph_module.graph
    for node in list(graph.nodes):
        if node.op == "call_module":
            node.replace_all_uses_with(node.all_input_nodes[0])
            graph.erase_node(node)
        elif node.op == "output":
            node.args = (tuple(node.args[0])[: len(network.out_structure.leaves())],)
    return network.recompile()


def _members(network: Network, axes: Axes, group: Group) -> Iterator[tuple[nn.Parameter, tuple[torch.Tensor, ...]]]:
    parameters = dict(network.named_parameters(remove_duplicate=False))
    for carrier, _ in members(network, group):
        weight = parameters[carrier.name]
        if weight.requires_grad:
            yield weight, tuple(at.to(weight.device) for at in _places(axes, group, carrier))


def _places(axes: Axes, group: Group, carrier: Carrier) -> Iterator[torch.Tensor]:
    """Row-major index over the outer and own index of a group, per occurrence of the group in a carrier."""
    dims, known = axes.parameters[carrier.name], Indices({}, {})
    outer = axes.outer(group.name)
    for own in coordinates(dims[carrier.axis], axes.leaf(group.name), known):
        at = spread(own, (carrier.axis,), len(dims))
        valid = at >= 0
        if outer is not None:
            order = [carrier.axis, *(axis for axis in range(len(dims)) if axis != carrier.axis)]
            axis = next(axis for axis in order if coordinates(dims[axis], outer, known))
            row = spread(coordinates(dims[axis], outer, known)[0], (axis,), len(dims))
            at, valid = row * group.size + at, valid & (row >= 0)
        yield at.where(valid, (group.outer or 1) * group.size)
