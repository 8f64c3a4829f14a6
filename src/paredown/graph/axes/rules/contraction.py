"""Linear layers and matrix products."""

from paredown.graph.axes.analysis import Analysis, Call
from paredown.graph.axes.dims import Dim, Misfit
from paredown.graph.axes.rules.elementwise import broadcast
from paredown.graph.axes.rules.table import overloads

__all__ = ["RULES"]


def linear(a: Analysis, call: Call) -> list[Dim]:
    """``x[..., in] @ weight[out, in].T + bias[out]``."""
    x, weight = a.axes(call["input"]), a.axes(call["weight"])
    if len(weight) != 2:
        msg = "a weight that is no matrix"
        raise Misfit(msg)
    a.algebra.unify(x[-1], weight[1])
    for bias in a.tensors(call["bias"]):
        a.algebra.unify(weight[0], bias[0])
    a.role(call["weight"], 0, "out")
    a.role(call["weight"], 1, "in")
    a.multiply(call.node, *x, weight[0])
    return [*x[:-1], weight[0]]


def _matmul(a: Analysis, call: Call, left: object, right: object) -> list[Dim]:
    x, y = a.axes(left), a.axes(right)
    rows = x[-2:-1]
    columns = y[-1:] if len(y) > 1 else []
    inner = y[-2] if len(y) > 1 else y[0]
    a.algebra.unify(x[-1], inner)
    batch = broadcast(a, [x[:-2], y[:-2]]) if len(x) > 2 or len(y) > 2 else []
    if len(y) == 2:
        a.role(right, 0, "in")
        a.role(right, 1, "out")
    if len(x) == 2:
        a.role(left, 0, "out")
        a.role(left, 1, "in")
    a.multiply(call.node, *batch, *rows, inner, *columns)
    return [*batch, *rows, *columns]


def matmul(a: Analysis, call: Call) -> list[Dim]:
    """``x[..., m, k] @ y[..., k, n]``, vectors allowed."""
    return _matmul(a, call, call.first("self"), call.first("other", "mat2", "tensor", "vec"))


def add_matmul(a: Analysis, call: Call) -> list[Dim]:
    """``beta * bias + alpha * x @ y``."""
    out = _matmul(a, call, call.first("mat1", "batch1", "mat"), call.first("mat2", "batch2", "vec"))
    return broadcast(a, [a.axes(call["self"]), out])


def bilinear(a: Analysis, call: Call) -> list[Dim]:
    """``x1[..., i], weight[o, i, j], x2[..., j] -> [..., o]``."""
    one, two, weight = a.axes(call["input1"]), a.axes(call["input2"]), a.axes(call["weight"])
    a.algebra.unify(one[-1], weight[1])
    a.algebra.unify(two[-1], weight[2])
    for bias in a.tensors(call["bias"]):
        a.algebra.unify(weight[0], bias[0])
    rest = [a.algebra.unify(p, q) for p, q in zip(one[:-1], two[:-1], strict=True)]
    for axis, role in enumerate(("out", "in", "in")):
        a.role(call["weight"], axis, role)
    a.multiply(call.node, *rest, *weight)
    return [*rest, weight[0]]


def outer(a: Analysis, call: Call) -> list[Dim]:
    """``outer(x[m], y[n]) -> [m, n]``."""
    return [*a.axes(call["self"]), *a.axes(call["vec2"])]


def _letters(term: str, rank: int) -> list[str]:
    """One name per axis; those behind an ellipsis are numbered from the right."""
    before, dots, after = term.partition("...")
    hidden = rank - len(before) - len(after)
    return [*before, *(f".{number}" for number in range(hidden, 0, -1) if dots), *after]


def _equation(call: Call, ranks: list[int]) -> tuple[list[list[str]], list[str]]:
    left, arrow, right = str(call["equation"]).replace(" ", "").partition("->")
    terms = [_letters(term, rank) for term, rank in zip(left.split(","), ranks, strict=True)]
    every = [letter for term in terms for letter in term]
    hidden = sorted({letter for letter in every if letter[0] == "."}, key=lambda letter: -int(letter[1:]))
    if not arrow:
        return terms, [
            *hidden,
            *sorted(letter for letter in set(every) if every.count(letter) == 1 and letter.isalpha()),
        ]
    return terms, _letters(right, len(right.replace("...", "")) + (len(hidden) if "..." in right else 0))


def einsum(a: Analysis, call: Call) -> list[Dim]:
    """One axis per letter; a letter that occurs twice in one operand (a diagonal) freezes."""
    terms, right = _equation(call, [len(a.axes(operand)) for operand in call["tensors"]])
    letters: dict[str, Dim] = {}
    for term, operand in zip(terms, call["tensors"], strict=True):
        for axis, (letter, dim) in enumerate(zip(term, a.axes(operand), strict=True)):
            if term.count(letter) > 1:
                a.algebra.freeze(dim, "takes a diagonal")
            if letter not in letters or letters[letter].size == 1:
                letters[letter] = dim
            elif dim.size != 1:
                a.algebra.unify(letters[letter], dim)
            a.role(operand, axis, "out" if letter in right else "in")
    a.multiply(call.node, *letters.values())
    return [letters[letter] for letter in right]


RULES = (
    overloads("linear", linear)
    | overloads("matmul mm bmm mv dot", matmul)
    | overloads("addmm baddbmm addmv", add_matmul)
    | overloads("bilinear", bilinear)
    | overloads("outer ger", outer)
    | overloads("einsum", einsum)
)
