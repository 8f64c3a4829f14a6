"""Products with a stored matrix, however they are written, as linear layers.

``x @ W``, ``torch.addmm(b, x, W)`` (the ``Conv1D`` of GPT-2) and ``torch.einsum`` with a stored operand compute what a
linear layer computes; only linear layers have kernels that read narrow weights.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from torch import fx, nn

from paredown.graph.fakequantize import tensor_of
from paredown.graph.network import Network

__all__ = ["say_linear", "stored_product"]

_aten = torch.ops.aten
_PLAIN = {_aten.matmul.default, _aten.mm.default}
_TURNS = {_aten.t.default, _aten.numpy_T.default, _aten.mT.default}
_PRODUCTS = {*_PLAIN, _aten.addmm.default, _aten.bmm.default, _aten.baddbmm.default, _aten.einsum.default}
_SUMS = {_aten.add.Tensor, _aten.add_.Tensor}


@dataclasses.dataclass(frozen=True)
class _Product:
    """A product of a value and a stored tensor that a linear layer can compute.

    Attributes:
        node: that computes it.
        weight: the node that reads the stored tensor.
        outs: axes of the stored tensor that the result has.
        ins: its axes that are summed over.
        order: axes of the value as the linear layer reads them; the last ``len(ins)`` are summed over.
        back: axes of the linear layer's result (`outs` apart from each other) as the node returns them.
        bias: node of a vector that is added, None without.

    """

    node: fx.Node
    weight: fx.Node
    outs: tuple[int, ...]
    ins: tuple[int, ...]
    order: tuple[int, ...] = ()
    back: tuple[int, ...] = ()
    bias: fx.Node | None = None


def say_linear(network: Network) -> bool:
    """Write products with stored matrices as linear layers; the network is changed, parameters turned.

    A stored matrix that something else reads in another way stays as it is, and so does its product. The caller
    propagates shapes.

    Returns:
        Whether anything changed.

    """
    twice = sum([_turned_twice(node) for node in list(network.nodes())])
    products = [product for node in network.nodes() if (product := _product(node)) is not None]
    groups = _alone(network, products)
    for group in groups:
        _turn(network, group[0])
        for product in group:
            _write(network, product)
    if twice:
        network.graph_module.graph.eliminate_dead_code()
    return bool(twice or groups)


def stored_product(node: fx.Node) -> bool:
    """Whether a node multiplies with a stored tensor and is no layer."""
    return node.target in _PRODUCTS and any(_is_stored(source) for source in _operands(node))


def _operands(node: fx.Node) -> Sequence[Any]:
    given: Any = node.args[1] if node.target is _aten.einsum.default else node.args
    if node.target in {_aten.addmm.default, _aten.baddbmm.default}:
        return list(given)[1:3]
    return list(given)[:2]


def _is_stored(thing: object) -> bool:
    return isinstance(thing, fx.Node) and thing.op == "get_attr" and thing.meta["val"].is_floating_point()


def _rank(node: fx.Node) -> int:
    return int(node.meta["val"].ndim)


def _turned_twice(node: fx.Node) -> bool:
    """``x @ W.t()`` with a stored W is a linear layer as it stands."""
    if node.target not in _PLAIN:
        return False
    value, turn = node.args[:2]
    if not isinstance(value, fx.Node) or not isinstance(turn, fx.Node) or _rank(value) < 2 or not _swaps(turn):
        return False
    source: Any = turn.args[0]
    if not _is_stored(source) or _rank(source) != 2:
        return False
    node.target, node.args = _aten.linear.default, (value, source)
    return True


def _swaps(turn: fx.Node) -> bool:
    """Whether a node exchanges the two axes of a matrix."""
    if turn.target is _aten.transpose.int:
        return {axis % 2 for axis in turn.args[1:]} == {0, 1}  # type: ignore[operator]
    if turn.target is _aten.permute.default:
        return [axis % 2 for axis in turn.args[1]] == [1, 0]  # type: ignore[union-attr, operator]
    return turn.target in _TURNS


def _product(node: fx.Node) -> _Product | None:
    if node.target in _PLAIN or node.target is _aten.addmm.default:
        return _matrix_product(node)
    return _einsum(node) if node.target is _aten.einsum.default else None


def _matrix_product(node: fx.Node) -> _Product | None:
    value, weight = _operands(node)
    if not isinstance(value, fx.Node) or not _is_stored(weight) or _rank(weight) != 2 or _rank(value) < 2:
        return None
    found = _Product(node, weight, (1,), (0,))
    if node.target in _PLAIN:
        return found
    bias: Any = node.args[0]
    scaled = any(node.kwargs.get(name, 1) != 1 for name in ("alpha", "beta"))
    if scaled or not isinstance(bias, fx.Node) or _rank(bias) != 1:
        return None
    return dataclasses.replace(found, bias=bias)


def _einsum(node: fx.Node) -> _Product | None:
    """``"bsd,dhk->bhsk"`` with a stored second (or first) operand."""
    operands, equation = _operands(node), str(node.args[0]).replace(" ", "")
    if len(node.args[1]) != 2 or sum(map(_is_stored, operands)) != 1 or "->" not in equation:  # type: ignore[arg-type]
        return None
    left, _, right = equation.partition("->")
    terms = left.split(",")
    at = next(place for place, operand in enumerate(operands) if _is_stored(operand))
    weight, value = operands[at], operands[1 - at]
    stored, given = terms[at], _spelt(terms[1 - at], _rank(value))
    if given is None or "." in stored or len(set(given)) < len(given) or len(set(stored)) < len(stored):
        return None
    wanted = _spelt(right, _rank(node))
    rest = [letter for letter in given if letter not in stored]
    outs = [letter for letter in stored if letter not in given]
    ins = [letter for letter in stored if letter in given]
    if wanted is None or set(wanted) != {*rest, *outs} or not outs or not ins:
        return None
    outs = [letter for letter in wanted if letter in outs]
    made = [*rest, *outs]
    return _Product(
        node,
        weight,
        tuple(stored.index(letter) for letter in outs),
        tuple(stored.index(letter) for letter in ins),
        tuple(given.index(letter) for letter in [*rest, *ins]),
        tuple(made.index(letter) for letter in wanted),
    )


def _spelt(term: str, rank: int) -> list[str] | None:
    """One letter per axis; those behind an ellipsis are numbered."""
    before, dots, after = term.partition("...")
    hidden = [f"{number}" for number in range(rank - len(before) - len(after))] if dots else []
    letters = [*before, *hidden, *after]
    return letters if len(letters) == rank else None


def _alone(network: Network, products: list[_Product]) -> list[list[_Product]]:
    """Products by stored tensor, where these products are all that reads it, in the same way."""
    readers: dict[int, set[fx.Node]] = {}
    for node in network.nodes():
        if node.op == "get_attr":
            readers.setdefault(_identity(network, node), set()).update(node.users)
    groups: dict[int, list[_Product]] = {}
    for product in products:
        groups.setdefault(_identity(network, product.weight), []).append(product)
    return [
        group
        for tensor, group in groups.items()
        if readers[tensor] == {product.node for product in group}
        and len({(product.outs, product.ins) for product in group}) == 1
    ]


def _identity(network: Network, node: fx.Node) -> int:
    return id(tensor_of(network.graph_module, str(node.target)))


def _turn(network: Network, product: _Product) -> None:
    """Store a tensor as ``[outputs, inputs]`` under all of its names."""
    module = network.graph_module
    old = tensor_of(module, str(product.weight.target))
    with torch.no_grad():
        turned = old.permute(*product.outs, *product.ins).flatten(len(product.outs)).flatten(0, -2).contiguous()
    new = nn.Parameter(turned, requires_grad=old.requires_grad)
    for owner in module.modules():
        for table in (owner._parameters, owner._buffers):
            for leaf in [leaf for leaf, tensor in table.items() if tensor is old]:
                del table[leaf]
                owner.register_parameter(leaf, new)


def _write(network: Network, product: _Product) -> None:
    graph, node = network.graph_module.graph, product.node
    shape = product.weight.meta["val"].shape
    with graph.inserting_before(node):
        value = _permuted(graph, node, _value(product), product.order)
        if len(product.ins) > 1:
            value = _made(graph, node, _aten.flatten.using_ints, (value, -len(product.ins), -1))
        bias = () if product.bias is None else (product.bias,)
        result = _made(graph, node, _aten.linear.default, (value, product.weight, *bias))
        if len(product.outs) > 1:
            sizes = [shape[axis] for axis in product.outs]
            result = _made(graph, node, _aten.unflatten.int, (result, -1, sizes))
        result = _permuted(graph, node, result, product.back)
    node.replace_all_uses_with(result)
    graph.erase_node(node)
    result.name = node.name  # what `skip` and plans call it
    if product.bias is None and result.target is _aten.linear.default:
        _take_bias(graph, result, shape[product.outs[0]])


def _value(product: _Product) -> Any:
    """The operand that is not stored; products before this one may have been written anew."""
    return next(operand for operand in _operands(product.node) if operand is not product.weight)


def _permuted(graph: fx.Graph, node: fx.Node, source: fx.Node, order: Sequence[int]) -> fx.Node:
    return source if list(order) == sorted(order) else _made(graph, node, _aten.permute.default, (source, list(order)))


def _made(graph: fx.Graph, like: fx.Node, target: Any, args: tuple[Any, ...]) -> fx.Node:
    made = graph.call_function(target, args)
    made.meta = {key: entry for key, entry in like.meta.items() if key != "val"}
    return made


def _take_bias(graph: fx.Graph, linear: fx.Node, outputs: int) -> None:
    """Let a linear layer add the stored vector that is added to its result, and to that alone."""
    add = next(iter(linear.users)) if len(linear.users) == 1 else None
    if add is None or add.target not in _SUMS or add.kwargs.get("alpha", 1) != 1:
        return
    bias: Any = next((argument for argument in add.args if argument is not linear), None)
    if not _is_stored(bias) or _rank(bias) != 1 or bias.meta["val"].shape[0] != outputs:
        return
    if next(node for node in graph.nodes if node in {bias, linear}) is linear:
        linear.prepend(bias)
    linear.args = (*linear.args, bias)
    add.replace_all_uses_with(linear)
    graph.erase_node(add)
