"""What a network costs, node by node: multiply-accumulates, parameters and bytes."""

import dataclasses
import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import fx, nn

from paredown.graph.network import Network, module_path
from paredown.graph.shapes import propagate, size_at

__all__ = ["Cost", "NodeCost", "costs", "is_free", "total"]

_aten = torch.ops.aten
_FAKE_QUANTIZE = "paredown::fake_quantize"
_ROUND_FLOAT = "paredown::round_float"
_ROUNDING = {_FAKE_QUANTIZE, _ROUND_FLOAT, "paredown::dynamic_quantize"}


@dataclasses.dataclass(frozen=True)
class NodeCost:
    """The cost of one operator for one example (a batch of one).

    Attributes:
        name: name of the node.
        path: dotted path of the user's module.
        operator: qualified ATen name, such as ``aten.conv2d.default``.
        macs: multiply-accumulates of contractions (convolution, linear, matrix product, attention, recurrence); one
            operation per output number for everything that computes without contracting; 0 for mere views.
        parameters: numbers in the parameters it reads.
        bytes: bytes its parameters and buffers take where they are stored (one byte for weights fake-quantized to 8 bits).
        activations: bytes of what it puts out.

    """

    name: str
    path: str
    operator: str
    macs: int
    parameters: int
    bytes: int
    activations: int


@dataclasses.dataclass(frozen=True)
class Cost:
    """The cost of a network for one example; parameters shared by several nodes count once.

    Attributes:
        macs: multiply-accumulates.
        parameters: numbers in the parameters that are read.
        bytes: bytes parameters and buffers take where they are stored.

    """

    macs: int
    parameters: int
    bytes: int


def costs(network: Network) -> tuple[NodeCost, ...]:
    """Cost of every operator in order of execution; further named dimensions count as long as in the example."""
    if any("val" not in node.meta for node in network.nodes() if node.op == "call_function"):
        network = propagate(network.copy())
    found = []
    for node in network.nodes():
        if node.op != "call_function" or not isinstance(node.target, torch._ops.OpOverload) or _rounding(node):
            continue
        stored = _stored(network, node)
        found.append(
            NodeCost(
                name=node.name,
                path=module_path(node),
                operator=str(node.target),
                macs=_macs(network, node),
                parameters=sum(tensor.numel() for tensor, _ in stored.values() if isinstance(tensor, nn.Parameter)),
                bytes=sum(math.ceil(tensor.numel() * bits / 8) for tensor, bits in stored.values()),
                activations=_activations(network, node),
            )
        )
    return tuple(found)


def total(network: Network) -> Cost:
    """Cost of the whole network for one example."""
    stored: dict[int, tuple[torch.Tensor, int]] = {}
    for node in network.nodes():
        if node.op == "call_function" and not _rounding(node):
            stored |= _stored(network, node)
    return Cost(
        macs=sum(cost.macs for cost in costs(network)),
        parameters=sum(tensor.numel() for tensor, _ in stored.values() if isinstance(tensor, nn.Parameter)),
        bytes=sum(math.ceil(tensor.numel() * bits / 8) for tensor, bits in stored.values()),
    )


def _rounding(node: fx.Node) -> str | None:
    """Name of the operator where it rounds."""
    name = node.target._schema.name if isinstance(node.target, torch._ops.OpOverload) else None
    return name if name in _ROUNDING else None


def _stored(network: Network, node: fx.Node) -> dict[int, tuple[torch.Tensor, int]]:
    """Each parameter or buffer a node reads (tied names are one), with bits per number."""
    found = {}
    for argument in node.all_input_nodes:
        bits = None
        source: Any = argument
        while (rounding := _rounding(source)) in {_FAKE_QUANTIZE, _ROUND_FLOAT}:
            bits = 16 if rounding == _ROUND_FLOAT else math.ceil(math.log2(source.args[5] - source.args[4] + 1))
            source = source.args[0]
        if source.op == "get_attr":
            tensor = _attribute(network, str(source.target))
            found[id(tensor)] = (tensor, bits if bits is not None else 8 * tensor.element_size())
    return found


def _attribute(network: Network, name: str) -> torch.Tensor:
    owner, _, leaf = name.rpartition(".")
    found: torch.Tensor = getattr(network.graph_module.get_submodule(owner), leaf)
    return found


def _shape(network: Network, value: Any) -> list[int]:
    node_value = value.meta["val"] if isinstance(value, fx.Node) else value
    return [size_at(size, network) for size in node_value.shape]


def _activations(network: Network, node: fx.Node) -> int:
    values = node.meta["val"]
    tensors = [v for v in (values if isinstance(values, tuple | list) else (values,)) if isinstance(v, torch.Tensor)]
    return sum(math.prod(_shape(network, v)) * v.element_size() for v in tensors)


_Rule = Callable[[Network, fx.Node], int]


def _convolution(network: Network, node: fx.Node) -> int:
    """Every output number is a sum over the weights of one filter: ``c_in / groups × kernel``."""
    weight = _shape(network, node.args[1])
    return math.prod(_shape(network, node)) * math.prod(weight[1:])


def _transposed(network: Network, node: fx.Node) -> int:
    """Every input number is spread over ``c_out / groups × kernel`` outputs."""
    weight = _shape(network, node.args[1])
    return math.prod(_shape(network, node.args[0])) * math.prod(weight[1:])


def _linear(network: Network, node: fx.Node) -> int:
    return math.prod(_shape(network, node)) * _shape(network, node.args[1])[-1]


def _product(first: int) -> _Rule:
    def rule(network: Network, node: fx.Node) -> int:
        return math.prod(_shape(network, node)) * _shape(network, node.args[first])[-1]

    return rule


def _attention(network: Network, node: fx.Node) -> int:
    """Scores ``q × k`` and their weighted sum over the values."""
    query, key, value = (_shape(network, node.args[at]) for at in range(3))
    return math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


def _recurrence(network: Network, node: fx.Node) -> int:
    """Each step multiplies with every weight matrix once."""
    packed = not isinstance(node.args[3], bool)
    weights: Iterable[Any] = node.args[3 if packed else 2]  # type: ignore[assignment]
    matrices = sum(math.prod(shape) for weight in weights if len(shape := _shape(network, weight)) == 2)
    source = _shape(network, node.args[0])
    return math.prod(source[:-1]) * matrices


def _recurrent_step(network: Network, node: fx.Node) -> int:
    """Both weight matrices once per example."""
    matrices = sum(math.prod(_shape(network, weight)) for weight in node.args[2:4])
    return _shape(network, node.args[0])[0] * matrices


def _einsum(network: Network, node: fx.Node) -> int:
    equation, operands = node.args[:2]
    sizes: dict[str, int] = {}
    terms = str(equation).replace(" ", "").split("->")[0].split(",")
    for term, operand in zip(terms, operands, strict=True):  # type: ignore[arg-type]
        letters = term.replace("...", "")
        sizes |= dict(zip(reversed(letters), reversed(_shape(network, operand)), strict=False))
    return math.prod(sizes.values())


_RULES: dict[object, _Rule] = {
    **{getattr(_aten, f"conv{n}d").default: _convolution for n in (1, 2, 3)},
    **{getattr(_aten, f"conv{n}d").padding: _convolution for n in (1, 2, 3)},
    _aten.convolution.default: lambda network, node: (_transposed if node.args[6] else _convolution)(network, node),
    _aten.conv_transpose1d.default: _transposed,
    _aten.conv_transpose2d.input: _transposed,
    _aten.conv_transpose3d.input: _transposed,
    _aten.linear.default: _linear,
    _aten.matmul.default: _product(0),
    _aten.mm.default: _product(0),
    _aten.bmm.default: _product(0),
    _aten.mv.default: _product(0),
    _aten.dot.default: _product(0),
    _aten.addmm.default: _product(1),
    _aten.baddbmm.default: _product(1),
    _aten.einsum.default: _einsum,
    _aten.scaled_dot_product_attention.default: _attention,
    **{getattr(_aten, name).input: _recurrence for name in ("lstm", "gru", "rnn_tanh", "rnn_relu")},
    **{getattr(_aten, f"{name}_cell").default: _recurrent_step for name in ("lstm", "gru", "rnn_tanh", "rnn_relu")},
}

_FREE = frozenset(
    {
        "T", "_to_copy", "_unsafe_view", "alias", "alpha_dropout", "arange", "cat", "channel_shuffle", "chunk",
        "clone", "constant_pad_nd", "contiguous", "copy", "detach", "dropout", "embedding", "empty", "empty_like",
        "expand", "expand_as", "feature_dropout", "flatten", "flip", "full", "full_like", "gather", "index",
        "index_select", "lift_fresh_copy", "movedim", "narrow", "ones", "ones_like", "pad", "permute",
        "pixel_shuffle", "pixel_unshuffle", "repeat", "reshape", "reshape_as", "roll", "scalar_tensor", "select",
        "slice", "split", "split_with_sizes", "squeeze", "stack", "swapaxes", "sym_size", "t", "to", "transpose",
        "unbind", "unflatten", "unsqueeze", "view", "view_as", "zeros", "zeros_like",
    }
)  # fmt: skip
"""Operators that move numbers without computing any."""


def is_free(node: fx.Node) -> bool:
    """Whether a node only arranges what is there: no multiply-accumulates are counted for it."""
    name = node.target._schema.name.removeprefix("aten::").removesuffix("_")  # type: ignore[union-attr]
    return name in _FREE or _rounding(node) is not None


def _macs(network: Network, node: fx.Node) -> int:
    if rule := _RULES.get(node.target):
        return rule(network, node)
    if is_free(node):
        return 0
    inputs = [a for a in node.all_input_nodes if isinstance(a.meta.get("val"), torch.Tensor) and a.op != "get_attr"]
    sizes = [math.prod(_shape(network, a)) for a in inputs]
    value = node.meta["val"]
    outputs = [v for v in (value if isinstance(value, tuple | list) else (value,)) if isinstance(v, torch.Tensor)]
    return max([*sizes, *(math.prod(_shape(network, v)) for v in outputs)], default=0)
