"""The algebra of axes: every axis is a leaf, a product of axes, or a sum of segments.

A `Dim` is a term with union-find underneath, as type variables are in type inference; `Algebra` states what holds.

Row-major order throughout: ``Product(a, b)`` has index ``i_a * |b| + i_b``; ``Sum(a, b)`` is ``a`` followed by ``b``.
"""

import dataclasses
import enum
import functools
from collections.abc import Iterable, Iterator
from typing import Any

import sympy  # type: ignore[import-untyped]
import torch

__all__ = [
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
    "size_is",
    "size_of",
    "total",
]

Size = Any
"""An ``int``, or a ``sympy.Expr`` over the batch symbols."""


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
        elif not (kind is Kind.PRODUCT and size_is(term.size, 1)) and not size_is(term.size, 0):
            out.append(term)
    return out


def size_is(size: Size, value: int) -> bool:
    """Whether a size is this number, and no expression."""
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
