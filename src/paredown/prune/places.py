"""At which index of a group every entry of a tensor is: of a weight, or of the values that flow through the graph."""

from collections.abc import Mapping, Sequence

import torch

from paredown.graph.axes import Axes, Carrier, Group
from paredown.graph.axes.dims import Dim, leaves
from paredown.graph.cut.indices import Indices, coordinates

__all__ = ["slices", "tally"]


def slices(axes: Axes, group: Group, carrier: Carrier, weight: torch.Tensor) -> torch.Tensor:
    """The entries of a weight at each index of its group: ``[outer or 1, size, entries]``.

    Entries come in the order of the weight, so that the same place of two slices is the same tap of two filters.
    """
    dims, outer = axes.parameters[carrier.name], axes.outer(group.name)
    held = [(carrier.axis, axes.leaf(group.name))]
    if outer is not None:
        held.insert(0, (carrier.axis if outer in leaves(dims[carrier.axis]) else axis_of(dims, outer), outer))
    at = _places(dims, held, {})
    taken = [axis for axis, length in enumerate(at.shape) if length > 1]
    rest = [axis for axis in range(weight.ndim) if axis not in taken]
    table = weight.detach().double().cpu().permute([*taken, *rest]).reshape(at.numel(), -1)
    order = at.flatten().argsort(stable=True)[int((at < 0).sum()) :]
    return table[order].reshape(group.outer or 1, group.size, -1)


def tally(
    values: torch.Tensor, dims: Sequence[Dim], atoms: Sequence[Dim], symbols: Mapping[object, int]
) -> torch.Tensor:
    """Sum the entries of a tensor per index of some atoms: ``[size of each atom]``, on the CPU.

    Args:
        values: any tensor.
        dims: its axes.
        atoms: each is on one of the axes.
        symbols: values of the sizes that vary.

    """
    at = _places(dims, [(axis_of(dims, atom), atom) for atom in atoms], symbols)
    gone = [axis for axis, length in enumerate(at.shape) if length == 1]
    table = (values.sum(gone, keepdim=True) if gone else values).cpu().double()
    sizes = [Indices({}, {}, symbols).size(atom) for atom in atoms]
    total = torch.zeros(sizes, dtype=torch.float64).flatten()
    total.index_add_(0, at[at >= 0], table[at >= 0])
    return total.view(sizes)


def axis_of(dims: Sequence[Dim], atom: Dim) -> int:
    """The first axis that holds an atom."""
    return next(axis for axis, dim in enumerate(dims) if atom in leaves(dim))


def _places(dims: Sequence[Dim], held: Sequence[tuple[int, Dim]], symbols: Mapping[object, int]) -> torch.Tensor:
    """Row-major index over some atoms of every entry, -1 where it is not of all of them.

    Axes on which none of the atoms is have length 1.
    """
    known = Indices({}, {}, symbols)
    place, valid = torch.zeros([1] * len(dims), dtype=torch.long), torch.ones([1] * len(dims), dtype=torch.bool)
    for axis, atom in held:
        along = coordinates(dims[axis], atom, known)[0].view([-1 if at == axis else 1 for at in range(len(dims))])
        place, valid = place * known.size(atom) + along, valid & (along >= 0)
    return place.where(valid, -1)
