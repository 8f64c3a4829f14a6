"""From kept indices of atoms to kept indices of axes, and to slices of tensors."""

import functools
from collections.abc import Mapping, Sequence

import torch

from paredown.graph.axes.dims import Dim, Kind, Size, factors, find, leaves

__all__ = ["Indices", "coordinates", "spread"]


class Indices:
    """What is kept of every axis, given what is kept of some atoms.

    Args:
        kept: per atom the kept indices: ``[kept]``, or ``[outer, kept]`` with a row per index of its outer atom.
        outers: outer atom of each atom whose choice is a matrix.
        symbols: values of the symbolic sizes, where tensors with these are sliced.

    """

    def __init__(
        self, kept: Mapping[Dim, torch.Tensor], outers: Mapping[Dim, Dim], symbols: Mapping[object, int] | None = None
    ) -> None:
        self.chosen = kept
        self.outers = outers
        self._symbols = dict(symbols or {})
        self._touched: dict[Dim, bool] = {}
        self._kept: dict[Dim, torch.Tensor] = {}

    def at(self, symbols: Mapping[object, int]) -> "Indices":
        """The same choice for tensors whose varying sizes have these values."""
        return Indices(self.chosen, self.outers, symbols)

    def touched(self, dim: Dim) -> bool:
        """Whether indices of this axis go."""
        dim = find(dim)
        if dim not in self._touched:
            self._touched[dim] = any(leaf in self.chosen for leaf in leaves(dim))
        return self._touched[dim]

    def size(self, dim: Dim) -> int:
        """The size of an axis before the cut, as a number."""
        size = find(dim).size
        return size if isinstance(size, int) else int(size.subs(self._symbols))

    def count(self, dim: Dim) -> Size:
        """The size of an axis after the cut, as a number or an expression."""
        dim = find(dim)
        if not self.touched(dim):
            return dim.size
        if dim.kind is Kind.LEAF:
            return self.chosen[dim].shape[-1]
        counts = [self.count(part) for part in dim.parts]
        return functools.reduce((lambda a, b: a + b) if dim.kind is Kind.SUM else (lambda a, b: a * b), counts)

    def kept(self, dim: Dim, given: Mapping[Dim, int] | None = None) -> torch.Tensor:
        """Kept positions of an axis, ascending.

        Args:
            dim: the axis.
            given: index of an outer atom that lies on another axis of the same tensor.

        """
        dim = find(dim)
        if given:
            return self._compute(dim, given)
        if dim not in self._kept:
            self._kept[dim] = self._compute(dim, {})
        return self._kept[dim]

    def _compute(self, dim: Dim, given: Mapping[Dim, int]) -> torch.Tensor:
        if not self.touched(dim):
            return torch.arange(self.size(dim))
        match dim.kind:
            case Kind.LEAF:
                chosen = self.chosen[dim]
                return chosen if chosen.ndim == 1 else chosen[given[self.outers[dim]]]
            case Kind.SUM:
                sizes = [self.size(part) for part in dim.parts]
                starts = [sum(sizes[:i]) for i in range(len(sizes))]
                pieces = [self._part(part, given) + start for part, start in zip(dim.parts, starts, strict=True)]
                return torch.cat(pieces)
        return self._product(factors(dim), given)

    def _part(self, dim: Dim, given: Mapping[Dim, int]) -> torch.Tensor:
        return self.kept(dim, given) if given else self.kept(dim)

    def _product(self, parts: Sequence[Dim], given: Mapping[Dim, int]) -> torch.Tensor:
        places: list[torch.Tensor] = []
        for axis, part in enumerate(parts):
            outer = self.outers.get(part) if part in self.chosen and self.chosen[part].ndim == 2 else None
            if outer is not None and outer not in given and outer in parts:
                place = parts.index(outer)
                rows = self.chosen[part][self._part(outer, given)]
                places.append(spread(rows, (place, axis), len(parts)))
            else:
                places.append(spread(self._part(part, given), (axis,), len(parts)))
        total = torch.zeros((), dtype=torch.long)
        stride = 1
        for part, position in zip(reversed(parts), reversed(places), strict=True):
            total = total + position * stride
            stride *= self.size(part)
        return total.flatten()

    def take(self, tensor: torch.Tensor, dims: Sequence[Dim]) -> torch.Tensor:
        """Slice a tensor along all its axes; the result shares no storage where anything was cut."""
        for axis, dim in enumerate(dims):
            outer = self._across(dim)
            if outer is not None:
                where = next(at for at, other in enumerate(dims) if at != axis and outer in leaves(other))
                tensor = self._take_rows(tensor, (axis, dim), (where, dims[where]), outer)
        for axis, dim in enumerate(dims):
            if self.touched(dim) and self._across(dim) is None:
                tensor = tensor.index_select(axis, self.kept(dim).to(tensor.device))
        return tensor

    def involved(self, dims: Sequence[Dim]) -> list[int]:
        """The axes of a tensor that are cut, and those whose index decides where another is cut."""
        rows = {self.outers[leaf] for dim in dims for leaf in leaves(dim) if leaf in self.outers}
        return [axis for axis, dim in enumerate(dims) if self.touched(dim) or not rows.isdisjoint(leaves(dim))]

    def _across(self, dim: Dim) -> Dim | None:
        """The outer atom of a matrix choice in this axis that is not an outer factor of this very axis."""
        if not self.touched(dim):
            return None
        own = set(leaves(dim))
        for leaf in own:
            if leaf in self.chosen and self.chosen[leaf].ndim == 2 and self.outers[leaf] not in own:
                return self.outers[leaf]
        return None

    def _take_rows(self, tensor: torch.Tensor, cut: tuple[int, Dim], by: tuple[int, Dim], outer: Dim) -> torch.Tensor:
        columns = torch.stack([self.kept(cut[1], {outer: index}) for index in range(self.size(outer))])
        (coordinate,) = coordinates(by[1], outer, self)
        device = tensor.device
        moved = tensor.movedim((by[0], cut[0]), (0, 1))
        rows = torch.arange(moved.shape[0], device=device)[:, None]
        return moved[rows, columns[coordinate].to(device)].movedim((0, 1), (by[0], cut[0]))


def spread(values: torch.Tensor, axes: tuple[int, ...], rank: int) -> torch.Tensor:
    """Lay the axes of a tensor onto chosen axes of a grid; all others have one index."""
    order = sorted(range(len(axes)), key=lambda i: axes[i])
    shape = [1] * rank
    for i in order:
        shape[axes[i]] = values.shape[i]
    return values.permute(order).reshape(shape)


def coordinates(dim: Dim, leaf: Dim, indices: Indices) -> list[torch.Tensor]:
    """Index of an atom at every position of an axis (-1 where the position is not of the atom), per occurrence."""
    dim = find(dim)
    match dim.kind:
        case Kind.LEAF:
            return [torch.arange(indices.size(dim))] if dim is leaf else []
        case Kind.SUM:
            sizes = [indices.size(part) for part in dim.parts]
            merged: list[torch.Tensor] = []
            for number, part in enumerate(dim.parts):
                for order, inner in enumerate(coordinates(part, leaf, indices)):
                    if order == len(merged):
                        merged.append(torch.full((sum(sizes),), -1))
                    merged[order][sum(sizes[:number]) : sum(sizes[: number + 1])] = inner
            return merged
    parts = factors(dim)
    grid = [indices.size(part) for part in parts]
    return [
        spread(inner, (axis,), len(parts)).expand(grid).flatten()
        for axis, part in enumerate(parts)
        for inner in coordinates(part, leaf, indices)
    ]
