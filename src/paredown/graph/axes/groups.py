"""Coupled groups: the atoms that parameters carry, with names for people."""

import dataclasses
import difflib
import math
from collections.abc import Collection, Iterator, Mapping, Sequence

from paredown.errors import FrozenError, InputError
from paredown.graph.axes.analysis import Analysis, Edit, Value, tensors_of
from paredown.graph.axes.dims import Dim, Freeze, Kind, Size, factors, find

__all__ = ["Axes", "Carrier", "Group", "occurrences"]


@dataclasses.dataclass(frozen=True)
class Carrier:
    """One axis of a parameter or buffer that holds a group's indices.

    Attributes:
        name: name of the parameter or buffer.
        axis: which of its axes.
        role: ``out`` (the weight produces the group), ``in`` (the weight consumes it) or ``other``.

    """

    name: str
    axis: int
    role: str


@dataclasses.dataclass(frozen=True)
class Group:
    """Indices that must be cut together.

    Attributes:
        name: stable text: the module that produces them, and which part of its axis where that is not all.
        size: number of indices.
        carriers: every parameter axis that holds them, in the order of the graph.
        frozen_by: operator, node, module and reason why no index can go; None where they can.
        outer: size of the axis per index of which another choice may be made (heads of a head dimension); None where
            one choice holds for all.
        outer_name: name of the group of that axis; empty where it is in no parameter.

    """

    name: str
    size: int
    carriers: tuple[Carrier, ...]
    frozen_by: str | None = None
    outer: int | None = None
    outer_name: str = ""

    @property
    def free(self) -> bool:
        """Whether indices can be cut."""
        return self.frozen_by is None


class Axes:
    """Everything the analysis found out about a network.

    Attributes:
        groups: coupled groups, free and frozen, in the order of the graph.

    """

    def __init__(self, analysis: Analysis) -> None:
        self.parameters: Mapping[str, list[Dim]] = analysis.parameters
        self.nodes: Mapping[str, Value] = {node.name: value for node, value in analysis.dims.items()}
        self.edits: Sequence[Edit] = analysis.edits
        self.sensitivity: Mapping[str, list[Dim]] = analysis.sensitivity
        self.loose: frozenset[str] = frozenset(analysis.loose)
        self._products, self._passes = analysis.products, analysis.passes
        carriers = _carriers(analysis)
        _hold_buffers(analysis, carriers)
        self._leaves = dict(zip(_names(carriers), carriers, strict=True))
        tensors = [*self.parameters.values(), *analysis.implied]
        tensors += [dims for value in self.nodes.values() for dims in tensors_of(value)]
        self._outer = _outers([leaf for leaf in carriers if leaf.frozen is None], tensors)
        names = {leaf: name for name, leaf in self._leaves.items()}
        self.groups = tuple(
            self._group(name, leaf, [held.carrier for held in carriers[leaf]], names)
            for name, leaf in self._leaves.items()
        )
        self._groups = {group.name: group for group in self.groups}

    def _group(self, name: str, leaf: Dim, carriers: list[Carrier], names: Mapping[Dim, str]) -> Group:
        outer = self._outer.get(leaf)
        return Group(
            name,
            leaf.size,
            tuple(dict.fromkeys(carriers)),
            str(leaf.frozen) if leaf.frozen else None,
            outer.size if outer else None,
            names.get(outer, "") if outer else "",
        )

    @property
    def free(self) -> tuple[Group, ...]:
        """The groups that can be cut."""
        return tuple(group for group in self.groups if group.free)

    def group(self, name: str) -> Group:
        """A group by its name.

        Raises:
            InputError: there is none of that name; the message lists the nearest.

        """
        if name not in self._groups:
            near = difflib.get_close_matches(name, self._groups, n=5, cutoff=0.4) or [g.name for g in self.free[:5]]
            msg = (
                f"There is no group {name!r} in this network, which has {len(self.groups)} groups. "
                f"The nearest names are {', '.join(map(repr, near))}."
            )
            raise InputError(msg)
        return self._groups[name]

    def free_group(self, name: str) -> Group:
        """A group by its name that can be cut.

        Raises:
            InputError: there is none of that name.
            FrozenError: an operator holds it; the message says which.

        """
        group = self.group(name)
        if not group.free:
            msg = (
                f"Group {name!r} ({group.size} indices) cannot be cut: it is held by {group.frozen_by}. "
                "Choose among the free groups: `[g.name for g in axes.analyse(network).free]`."
            )
            raise FrozenError(msg)
        return group

    def leaf(self, name: str) -> Dim:
        """The atom of a group."""
        return self._leaves[name]

    def outer(self, name: str) -> Dim | None:
        """The atom per index of which a group may be cut differently."""
        return self._outer.get(self._leaves[name])

    def macs(self, kept: Mapping[str, int] | None = None, without: Collection[str] = ()) -> int:
        """Multiply-accumulates for one example when groups keep so many indices, as `graph.cost` counts them.

        Every varying size counts 1, so a varying sequence does too.

        Args:
            kept: number of kept indices by group name; all others keep theirs.
            without: names of nodes that are not carried out.

        """
        sizes = {self._leaves[name]: count for name, count in (kept or {}).items()}
        counts: dict[Dim, int] = {}

        def entries(dims: Sequence[Dim]) -> int:
            return math.prod(_count(dim, sizes, counts) for dim in dims)

        contracted = (product for node, found in self._products.items() if node not in without for product in found)
        passed = (tensors for node, tensors in self._passes.items() if node not in without)
        return sum(map(entries, contracted)) + sum(max(map(entries, tensors), default=0) for tensors in passed)

    def sizes(self, dims: Sequence[Dim], kept: Mapping[str, int] | None = None) -> tuple[int, ...]:
        """Shape of a tensor for one example when groups keep so many indices.

        Args:
            dims: the tensor's axes, out of `nodes` or `parameters`.
            kept: number of kept indices by group name; all others keep theirs.

        """
        counted = {self._leaves[name]: count for name, count in (kept or {}).items()}
        counts: dict[Dim, int] = {}
        return tuple(_count(dim, counted, counts) for dim in dims)

    def elements(self, kept: Mapping[str, int] | None = None, without: Collection[str] = ()) -> int:
        """Entries of all parameters and buffers when groups keep so many indices; tied ones count once.

        Args:
            kept: number of kept indices by group name; all others keep theirs.
            without: names of parameters and buffers that are not there.

        """
        sizes = {self._leaves[name]: count for name, count in (kept or {}).items()}
        counts: dict[Dim, int] = {}
        tensors = {id(dims): dims for name, dims in self.parameters.items() if name not in without}
        return sum(math.prod(_count(dim, sizes, counts) for dim in dims) for dims in tensors.values())


def _count(dim: Dim, sizes: Mapping[Dim, int], counts: dict[Dim, int]) -> int:
    dim = find(dim)
    if dim not in counts:
        if dim.kind is Kind.LEAF:
            counts[dim] = sizes.get(dim, dim.size if isinstance(dim.size, int) else _constant(dim.size))
        else:
            parts = [_count(part, sizes, counts) for part in dim.parts]
            counts[dim] = sum(parts) if dim.kind is Kind.SUM else math.prod(parts)
    return counts[dim]


def _constant(size: Size) -> int:
    # One example: every symbol is one.
    return int(size.subs(dict.fromkeys(size.free_symbols, 1)))


@dataclasses.dataclass(frozen=True)
class _Held:
    carrier: Carrier
    place: str
    whole: bool


def _carriers(analysis: Analysis) -> dict[Dim, list[_Held]]:
    held: dict[Dim, list[_Held]] = {}
    for name, dims in analysis.parameters.items():
        for axis, dim in enumerate(dims):
            carrier = Carrier(name, axis, analysis.roles.get((name, axis), "other"))
            for leaf, place in _places(dim):
                if leaf.size != 1:
                    held.setdefault(leaf, []).append(_Held(carrier, place, not place))
    return held


def _hold_buffers(analysis: Analysis, carriers: Mapping[Dim, list[_Held]]) -> None:
    """An axis that only buffers hold (positions, masks) has no weights to rank, and nothing to win."""
    weights = {name for name, _ in analysis.network.named_parameters(remove_duplicate=False)}
    for leaf, held in carriers.items():
        if leaf.frozen is None and weights.isdisjoint(h.carrier.name for h in held):
            leaf.frozen = Freeze("buffer", held[0].carrier.name, "", "has it and no weight does")


def _places(dim: Dim, prefix: str = "") -> Iterator[tuple[Dim, str]]:
    dim = find(dim)
    if dim.kind is Kind.LEAF:
        yield dim, prefix
        return
    for number, part in enumerate(dim.parts):
        yield from _places(part, f"{prefix}.{number}" if prefix else str(number))


def _names(carriers: Mapping[Dim, list[_Held]]) -> list[str]:
    order = {"out": 0, "in": 1, "other": 2}
    names: list[str] = []
    used: dict[str, int] = {}
    for leaf, held in carriers.items():
        first = min(held, key=lambda h: (order[h.carrier.role], not h.whole))
        module = first.carrier.name.rpartition(".")[0] or first.carrier.name
        match first.carrier.role:
            case "out":
                name = module
            case "in":
                name = f"{module}:in"
            case _:
                name = f"{first.carrier.name}:{first.carrier.axis}"
        if not first.whole:
            name += f"[{leaf.label or first.place}]"
        used[name] = used.get(name, 0) + 1
        names.append(name if used[name] == 1 else f"{name}#{used[name]}")
    return names


def occurrences(dims: Sequence[Dim]) -> Iterator[tuple[Dim, int, list[Dim]]]:
    """Every leaf of a tensor, the axis it is in, and the leaves that multiply it there."""
    for axis, dim in enumerate(dims):
        stack = [dim]
        while stack:
            parts = factors(stack.pop())
            siblings = [part for part in parts if part.kind is Kind.LEAF]
            for part in parts:
                if part.kind is Kind.LEAF:
                    yield part, axis, [other for other in siblings if other is not part]
                else:
                    stack.extend(part.parts)


def _outers(free: Sequence[Dim], tensors: Sequence[list[Dim]]) -> dict[Dim, Dim]:
    """Per atom the atom per index of which it may be cut differently: both are in every tensor that holds the first."""
    candidates: dict[Dim, dict[Dim, None] | None] = dict.fromkeys(free)
    for dims in tensors:
        found = list(occurrences(dims))
        axes: dict[Dim, list[int]] = {}
        for leaf, axis, _ in found:
            axes.setdefault(leaf, []).append(axis)
        plain = {factor for dim in dims for factor in factors(dim) if factor.kind is Kind.LEAF}
        for leaf, axis, siblings in found:
            known = candidates.get(leaf, {})
            if known is not None and not known:
                continue
            across = [other for other in axes if other in plain and len(axes[other]) == 1 and axes[other] != [axis]]
            here = dict.fromkeys(o for o in (*siblings, *across) if isinstance(o.size, int) and o.size > 1)
            candidates[leaf] = here if known is None else {other: None for other in known if other in here}
    outers: dict[Dim, Dim] = {}
    for leaf, possible in candidates.items():
        allowed = [other for other in possible or () if outers.get(other) is not leaf]
        if allowed:
            outers[leaf] = max(allowed, key=lambda dim: dim.size)
    return outers
