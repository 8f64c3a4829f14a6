"""The algebra of axes: every axis is a leaf, a product of axes, or a sum of segments.

A `Dim` is a term with union-find underneath, as type variables are in type inference. `Algebra.unify` states that
two axes are the same axis index by index; it refines leaves into products (a reshape split them) or sums (a
concatenation or slice did) until both sides have one structure, and raises `Misfit` where no such structure exists.

Row-major order throughout: ``Product(a, b)`` has index ``i_a * |b| + i_b``; ``Sum(a, b)`` is ``a`` followed by ``b``.
"""

import dataclasses
import enum
import functools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sympy  # type: ignore[import-untyped]
import torch

__all__ = [
    "Algebra",
    "Dim",
    "Freeze",
    "Kind",
    "Misfit",
    "Size",
    "divide",
    "factors",
    "find",
    "leaves",
    "segments",
    "size_of",
]

Size = Any
"""An ``int``, or a ``sympy.Expr`` over the batch symbols."""

_ENUMERABLE = 256
"""A product is unrolled into a sum of so many equal segments at most."""


class Misfit(Exception):  # noqa: N818 (never leaves the analysis)
    """Two axes cannot be the same axis: their sizes differ or their structures do not nest."""


class Kind(enum.Enum):
    """What a term is made of."""

    LEAF = "leaf"
    PRODUCT = "product"
    SUM = "sum"


@dataclasses.dataclass(frozen=True)
class Freeze:
    """Why an axis cannot be cut."""

    operator: str
    node: str
    path: str
    why: str

    def __str__(self) -> str:
        place = f" in {self.path}" if self.path else ""
        return f"{self.operator} (node {self.node}{place}) {self.why}"


class Dim:
    """One term. Compare and store terms by `find`, never directly.

    Attributes:
        size: number of indices.
        kind: leaf, product or sum.
        parts: the factors or segments.
        frozen: why a leaf cannot be cut; None where it can.
        label: a word for people (``heads``, ``groups``).

    """

    __slots__ = ("frozen", "kind", "label", "link", "parts", "size")

    def __init__(self, size: Size, kind: Kind = Kind.LEAF, parts: tuple["Dim", ...] = ()) -> None:
        self.size = size
        self.kind = kind
        self.parts = parts
        self.link: Dim | None = None
        self.frozen: Freeze | None = None
        self.label = ""

    def __repr__(self) -> str:
        dim = find(self)
        if dim.kind is Kind.LEAF:
            return f"{dim.label or ''}{dim.size}{'!' if dim.frozen else ''}"
        sign = "*" if dim.kind is Kind.PRODUCT else "+"
        return "(" + sign.join(map(repr, dim.parts)) + ")"


def find(dim: Dim) -> Dim:
    """The representative of a term."""
    root = dim
    while root.link is not None:
        root = root.link
    while dim.link is not None:
        dim.link, dim = root, dim.link
    return root


def factors(dim: Dim) -> list[Dim]:
    """The term as a product, outermost first: leaves and sums larger than one index."""
    return _flat(dim, Kind.PRODUCT)


def segments(dim: Dim) -> list[Dim]:
    """The term as a sum, first segment first: leaves and products."""
    return _flat(dim, Kind.SUM)


def leaves(dim: Dim) -> Iterator[Dim]:
    """Every leaf of a term, in order, as often as it occurs."""
    stack = [dim]
    while stack:
        term = find(stack.pop())
        if term.kind is Kind.LEAF:
            yield term
        else:
            stack.extend(reversed(term.parts))


def _flat(dim: Dim, kind: Kind) -> list[Dim]:
    out = []
    stack = [dim]
    while stack:
        term = find(stack.pop())
        if term.kind is kind:
            stack.extend(reversed(term.parts))
        elif not (kind is Kind.PRODUCT and _is(term.size, 1)) and not _is(term.size, 0):
            out.append(term)
    return out


def _is(size: Size, value: int) -> bool:
    return isinstance(size, int) and size == value


def size_of(length: int | torch.SymInt) -> Size:
    """The size of an axis of a (fake) tensor."""
    if isinstance(length, int):
        return length
    expression = length.node.expr
    return int(expression) if expression.is_number else expression


def divide(size: Size, by: Size) -> Size | None:
    """``size / by`` where that is a whole number (or a polynomial with whole coefficients), else None."""
    if isinstance(size, int) and isinstance(by, int):
        return size // by if by and size % by == 0 else None
    return _divide(size, by)


@functools.lru_cache(maxsize=4096)
def _divide(size: Size, by: Size) -> Size | None:
    quotient = sympy.cancel(sympy.sympify(size) / by)
    numerator, denominator = sympy.fraction(sympy.together(quotient))
    if denominator != 1 or not all(number.is_integer for number in numerator.as_coefficients_dict().values()):
        return None
    return int(quotient) if quotient.is_Integer else quotient


def total(sizes: Iterable[Size]) -> Size:
    """Product of sizes."""
    return functools.reduce(lambda a, b: a * b, sizes, 1)


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
        """State that two axes are one.

        Raises:
            Misfit: sizes differ, or the structures do not nest; what was stated so far stays true but is incomplete,
                so the caller freezes both.

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
            p, q = one.popleft(), two.popleft()
            if p.size == q.size:
                self.unify(p, q)
            elif divide(q.size, p.size) is not None:
                outer, rest = self.split(q, p.size)
                self.unify(p, outer)
                two.extendleft(reversed(factors(rest)))
            elif divide(p.size, q.size) is not None:
                outer, rest = self.split(p, q.size)
                self.unify(outer, q)
                one.extendleft(reversed(factors(rest)))
            else:
                msg = f"{p.size} and {q.size} do not nest"
                raise Misfit(msg)

    def _align_segments(self, left: list[Dim], right: list[Dim]) -> None:
        one, two = deque(left), deque(right)
        while one and two:
            p, q = one.popleft(), two.popleft()
            if p.size != q.size:
                if not isinstance(p.size, int) or not isinstance(q.size, int):
                    msg = f"segments of {p.size} and {q.size}"
                    raise Misfit(msg)
                if p.size < q.size:
                    q, rest = self.part(q, p.size)
                    two.extendleft(reversed(segments(rest)))
                else:
                    p, rest = self.part(p, q.size)
                    one.extendleft(reversed(segments(rest)))
            self.unify(p, q)

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
        if _is(outer, 1):
            return Dim(1), dim
        if _is(inner, 1):
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
        while not _is(need, 1):
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
        while not _is(need, 0):
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
            if _is(size, 1):
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
        # The smallest region in which old and new sizes agree; everything that is left where there is none.
        why = "does not nest with the axes it reshapes"
        taken, count = 1, 0
        old: Size = 1
        new: Size = sizes[0]
        while old != new and isinstance(old, int) and isinstance(new, int):
            if old < new and count < len(before):
                old, count = old * before[count].size, count + 1
            elif taken < len(sizes):
                new, taken = new * sizes[taken], taken + 1
            else:
                break
        if old != new:
            taken, count = len(sizes), len(before)
        for dim in before[:count]:
            self.freeze(dim, why)
        for _ in range(taken - 1):
            wanted.popleft()
        queue.clear()
        queue.extend(before[count:])
        return [self.leaf(size, why) for size in sizes[:taken]]
