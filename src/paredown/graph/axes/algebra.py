"""What holds between axes: equalities by unification, and how axes are split, taken apart and merged.

`Algebra.unify` states that two axes are the same axis index by index; it refines leaves into products (a reshape split
them) or sums (a concatenation or slice did) until both sides have one structure, and freezes what has none.
"""

import dataclasses
import functools
import itertools
from collections import deque
from collections.abc import Sequence

from paredown.graph.axes.dims import (
    Dim,
    Freeze,
    Kind,
    Misfit,
    Size,
    divide,
    factors,
    find,
    leaves,
    segments,
    size_is,
    total,
)

__all__ = ["Algebra"]

_ENUMERABLE = 256
"""A product is unrolled into a sum of so many equal segments at most."""


def _agreeing(old: Sequence[Size], new: Sequence[Size]) -> tuple[int, int]:
    """How many of the first sizes on either side have the same product: the fewest; all where there is no such place."""
    pairs = itertools.product(range(1, len(old) + 1), range(1, len(new) + 1))
    agree = ((count, taken) for count, taken in pairs if total(old[:count]) == total(new[:taken]))
    return min(agree, key=sum, default=(len(old), len(new)))


class Algebra:
    """Operations on terms; `here` says which node of the graph is being described, for the reasons of freezing."""

    def __init__(self) -> None:
        self.here = Freeze("", "", "", "")

    def leaf(self, size: Size, frozen: str | None = None) -> Dim:
        """A new axis; `frozen` says why it cannot be cut."""
        dim = Dim(size)
        if frozen is not None:
            dim.frozen = dataclasses.replace(self.here, why=frozen)
        return dim

    def product(self, parts: Sequence[Dim]) -> Dim:
        """The axis that merges axes, outermost first."""
        flat = [factor for part in parts for factor in factors(part)]
        if len(flat) == 1:
            return flat[0]
        return Dim(total(f.size for f in flat), Kind.PRODUCT, tuple(flat)) if flat else Dim(1)

    def sum(self, parts: Sequence[Dim]) -> Dim:
        """The axis that concatenates axes."""
        flat = [segment for part in parts for segment in segments(part)]
        if len(flat) == 1:
            return flat[0]
        return Dim(functools.reduce(lambda a, b: a + b, (s.size for s in flat), 0), Kind.SUM, tuple(flat))

    def freeze(self, dim: Dim, why: str) -> Dim:
        """Say that no index of an axis may go; the first reason stays."""
        self._hold(dim, dataclasses.replace(self.here, why=why))
        return dim

    def _hold(self, dim: Dim, reason: Freeze) -> None:
        for leaf in leaves(dim):
            if leaf.frozen is None:
                leaf.frozen = reason

    def unify(self, a: Dim, b: Dim) -> Dim:
        """State that two axes are one; parts whose structures do not nest are frozen on both sides.

        Raises:
            Misfit: the sizes differ.

        """
        a, b = find(a), find(b)
        if a is b:
            return a
        if a.size != b.size:
            msg = f"{a.size} and {b.size} indices"
            raise Misfit(msg)
        if a.kind is Kind.LEAF:
            return self._bind(a, b)
        if b.kind is Kind.LEAF:
            return self._bind(b, a)
        if a.kind is b.kind is Kind.SUM:
            self._align_segments(segments(a), segments(b))
        else:
            self._align_factors(factors(a), factors(b))
        a, b = find(a), find(b)
        if a is not b:
            a.link = b
        return b

    def _bind(self, leaf: Dim, other: Dim) -> Dim:
        leaf.link = other
        if leaf.frozen is not None:
            self._hold(other, leaf.frozen)
        if other.kind is Kind.LEAF and not other.label:
            other.label = leaf.label
        return other

    def _align_factors(self, left: list[Dim], right: list[Dim]) -> None:
        one, two = deque(left), deque(right)
        while one and two:
            p, q = one[0], two[0]
            try:
                if p.size != q.size:
                    p = self._cut_to(one, p, q.size)
                    q = self._cut_to(two, q, p.size)
            except Misfit:
                taken, count = _agreeing([d.size for d in one], [d.size for d in two])
                for dim in (*(one.popleft() for _ in range(taken)), *(two.popleft() for _ in range(count))):
                    self.freeze(dim, "does not nest with the axes it meets")
                continue
            one.popleft(), two.popleft()
            self.unify(p, q)

    def _cut_to(self, queue: deque[Dim], dim: Dim, size: Size) -> Dim:
        """Make the first of a queue of factors as small as `size`, where it is a multiple of that."""
        if divide(size, dim.size) is not None:
            return dim
        outer, rest = self.split(dim, size)
        queue.popleft()
        queue.extendleft(reversed(factors(rest)))
        queue.appendleft(outer)
        return outer

    def _align_segments(self, left: list[Dim], right: list[Dim]) -> None:
        one, two = deque(left), deque(right)
        while one and two:
            p, q = one.popleft(), two.popleft()
            try:
                if p.size != q.size:
                    p, q = self._part_to(one, p, q.size), self._part_to(two, q, p.size)
            except Misfit:
                for dim in (p, q, *one, *two):
                    self.freeze(dim, "does not nest with the axes it meets")
                return
            self.unify(p, q)

    def _part_to(self, queue: deque[Dim], dim: Dim, size: Size) -> Dim:
        """The first `size` indices of a segment; what is over goes back to the queue."""
        if not isinstance(dim.size, int) or not isinstance(size, int):
            msg = f"segments of {dim.size} and {size}"
            raise Misfit(msg)
        if dim.size <= size:
            return dim
        first, rest = self.part(dim, size)
        queue.extendleft(reversed(segments(rest)))
        return first

    def split(self, dim: Dim, outer: Size) -> tuple[Dim, Dim]:
        """Write an axis as ``Product(first, rest)`` with `outer` indices in the first.

        Raises:
            Misfit: that is not possible.

        """
        dim = find(dim)
        inner = divide(dim.size, outer)
        if inner is None:
            msg = f"{dim.size} is no multiple of {outer}"
            raise Misfit(msg)
        if size_is(outer, 1):
            return Dim(1), dim
        if size_is(inner, 1):
            return dim, Dim(1)
        match dim.kind:
            case Kind.LEAF:
                first, rest = Dim(outer), Dim(inner)
                first.frozen = rest.frozen = dim.frozen
                dim.kind, dim.parts = Kind.PRODUCT, (first, rest)
                return first, rest
            case Kind.PRODUCT:
                return self._split_product(factors(dim), outer)
        return self._factor_sum(dim, outer, inner)

    def _split_product(self, parts: list[Dim], outer: Size) -> tuple[Dim, Dim]:
        first: list[Dim] = []
        queue = deque(parts)
        need = outer
        while not size_is(need, 1):
            if not queue:
                msg = f"{outer} indices cannot be taken from the outside"
                raise Misfit(msg)
            factor = queue.popleft()
            left = divide(need, factor.size)
            if left is None:
                head, tail = self.split(factor, need)
                queue.appendleft(tail)
                factor, left = head, 1
            first.append(factor)
            need = left
        return self.product(first), self.product(list(queue))

    def _factor_sum(self, dim: Dim, outer: Size, inner: Size) -> tuple[Dim, Dim]:
        pieces = segments(dim)
        counts = [divide(piece.size, inner) for piece in pieces]
        rest = Dim(inner)
        if all(count is not None for count in counts):
            heads = [Dim(count) for count in counts]
            for piece, head in zip(pieces, heads, strict=True):
                self.unify(piece, self.product([head, rest]))
            first = self.sum(heads)
        elif isinstance(outer, int) and isinstance(inner, int) and outer <= _ENUMERABLE:
            right = dim
            for _ in range(outer - 1):
                left, right = self.part(right, inner)
                self.unify(left, rest)
            self.unify(right, rest)
            first = self.leaf(outer, "takes its segments one by one")
        else:
            msg = f"segments of {[piece.size for piece in pieces]} do not nest with {inner}"
            raise Misfit(msg)
        dim = find(dim)
        if dim.kind is Kind.SUM:
            dim.kind, dim.parts = Kind.PRODUCT, (first, rest)
        return first, rest

    def part(self, dim: Dim, at: Size) -> tuple[Dim, Dim]:
        """Write an axis as ``Sum(first, rest)`` with `at` indices in the first, ``0 <= at <= size``.

        Raises:
            Misfit: that is not possible.

        """
        first: list[Dim] = []
        queue = deque(segments(dim))
        need = at
        while not size_is(need, 0):
            if not queue:
                msg = f"cannot take {at} of {dim.size}"
                raise Misfit(msg)
            segment = queue.popleft()
            if segment.size == need:
                first.append(segment)
                break
            if not isinstance(need, int) or not isinstance(segment.size, int):
                msg = f"segments of {segment.size}"
                raise Misfit(msg)
            if segment.size < need:
                first.append(segment)
                need -= segment.size
                continue
            head, tail = self._part_segment(segment, need)
            first.append(head)
            queue.appendleft(tail)
            break
        return self.sum(first), self.sum(list(queue))

    def _part_segment(self, dim: Dim, at: int) -> tuple[Dim, Dim]:
        if dim.kind is Kind.LEAF:
            head, tail = Dim(at), Dim(dim.size - at)
            head.frozen = tail.frozen = dim.frozen
            dim.kind, dim.parts = Kind.SUM, (head, tail)
            return head, tail
        outer, *others = factors(dim)
        rest = self.product(others)
        count = divide(at, rest.size)
        if count is not None:
            one, two = self.part(outer, count)
            head, tail = self.product([one, rest]), self.product([two, rest])
            dim.kind, dim.parts = Kind.SUM, (head, tail)
            return head, tail
        if not isinstance(outer.size, int) or outer.size > _ENUMERABLE:
            msg = f"cannot take {at} of {dim!r}"
            raise Misfit(msg)
        self.freeze(outer, "takes its segments one by one")
        dim.kind, dim.parts = Kind.SUM, (rest,) * outer.size
        return self.part(dim, at)

    def regroup(self, axes: Sequence[Dim], sizes: Sequence[Size]) -> list[Dim]:
        """Axes of a row-major reshape; regions that do not nest are frozen on both sides."""
        queue = deque(factor for axis in axes for factor in factors(axis))
        out: list[Dim] = []
        wanted = deque(sizes)
        while wanted:
            size = wanted.popleft()
            if size_is(size, 1):
                out.append(Dim(1))
                continue
            before = list(queue)
            try:
                first, rest = self._split_product(list(queue), size)
            except Misfit:
                out += self._give_up(before, [size, *wanted], wanted, queue)
                continue
            out.append(first)
            queue = deque(factors(rest))
        return out

    def _give_up(self, before: list[Dim], sizes: list[Size], wanted: deque[Size], queue: deque[Dim]) -> list[Dim]:
        why = "does not nest with the axes it reshapes"
        count, taken = _agreeing([dim.size for dim in before], sizes)
        for dim in before[:count]:
            self.freeze(dim, why)
        for _ in range(taken - 1):
            wanted.popleft()
        queue.clear()
        queue.extend(before[count:])
        return [self.leaf(size, why) for size in sizes[:taken]]
