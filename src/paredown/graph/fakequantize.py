"""The one form in which quantization lives in a graph: a trainable fake-quantize operator.

``torch.ops.paredown.fake_quantize(x, scale, zero_point, axis, quant_min, quant_max)`` computes what ONNX's
QuantizeLinear followed by DequantizeLinear computes, to the bit: ``(clamp(round(x / s) + z) - z) * s`` with halves
rounded to even. Gradients: straight through inside the range (Bengio et al., 2013), learned step size for the scale
(Esser et al., "Learned step size quantization", ICLR 2020) and for the zero point (Bhalgat et al., "LSQ+", CVPRW 2020).
"""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import fx, nn

from paredown.errors import InputError
from paredown.graph.formats import IntFormat
from paredown.graph.movement import moves
from paredown.graph.network import Network

__all__ = [
    "FakeQuantize",
    "Grid",
    "effective",
    "fake_quantize",
    "fake_quantized",
    "insert_after",
    "round_biases",
    "spread",
    "tensor_of",
]


def effective(
    scale: torch.Tensor, zero_point: torch.Tensor, quant_min: int, quant_max: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The numbers that are computed with: a positive scale and a whole zero point within the format (both float32).

    Training may push a scale through zero or a zero point between whole numbers; the operator and every file use this.
    """
    scale = scale.detach().float().abs().clamp_min(torch.finfo(torch.float32).tiny)
    return scale, zero_point.detach().float().round().clamp(quant_min, quant_max)


def spread(number: torch.Tensor, x: torch.Tensor, axis: int) -> torch.Tensor:
    """Bring a scale or zero point to a shape that broadcasts with `x`: per tensor, per channel, or blocked as in ONNX."""
    if number.numel() == 1:
        return number.reshape(())
    if number.ndim == 1:
        return number.reshape([-1 if dim == axis % x.ndim else 1 for dim in range(x.ndim)])
    return number.index_select(axis, _blocks(number, x, axis))


def _blocks(number: torch.Tensor, x: torch.Tensor, axis: int) -> torch.Tensor:
    size = x.shape[axis]
    block = (size + number.shape[axis] - 1) // number.shape[axis]
    return torch.arange(size, device=x.device) // block


def _gather(gradient: torch.Tensor, number: torch.Tensor, axis: int) -> torch.Tensor:
    """Sum a gradient of `x`'s shape to that of the scale or zero point."""
    if number.numel() == 1:
        return gradient.sum().reshape(number.shape)
    if number.ndim == 1:
        return gradient.sum([dim for dim in range(gradient.ndim) if dim != axis % gradient.ndim])
    return gradient.new_zeros(number.shape).index_add(axis, _blocks(number, gradient, axis), gradient)


@torch.library.custom_op("paredown::fake_quantize", mutates_args=())
def fake_quantize(  # noqa: PLR0913, PLR0917 (the signature of the operator)
    x: torch.Tensor, scale: torch.Tensor, zero_point: torch.Tensor, axis: int, quant_min: int, quant_max: int
) -> torch.Tensor:
    """Round to the grid of a number format and back.

    Args:
        x: any floating-point tensor; computed in float32 and returned in its own type.
        scale: one number, ``[x.shape[axis]]`` per channel, or ``x``'s rank with ``axis`` divided into blocks.
        zero_point: as `scale`; the stored number that means 0.
        axis: the axis of the channels or blocks; -1 where there is one scale.
        quant_min: smallest stored number.
        quant_max: largest stored number.

    """
    scale, zero_point = effective(scale, zero_point, quant_min, quant_max)
    step, zero = spread(scale, x, axis), spread(zero_point, x, axis)
    grid = (x.float() / step).round_().add_(zero).clamp_(quant_min, quant_max)
    return grid.sub_(zero).mul_(step).to(x.dtype)


@fake_quantize.register_fake
def _(x: Any, scale: Any, zero_point: Any, axis: int, quant_min: int, quant_max: int) -> torch.Tensor:  # noqa: ARG001, PLR0913, PLR0917
    return torch.empty_like(x)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ARG001 (the signature of torch)
    x, scale, zero_point, ctx.axis, ctx.quant_min, ctx.quant_max = inputs
    ctx.save_for_backward(x, scale, zero_point)


def _backward(ctx: Any, gradient: torch.Tensor) -> tuple[Any, ...]:
    x, scale, zero_point = ctx.saved_tensors
    step, zero = effective(scale, zero_point, ctx.quant_min, ctx.quant_max)
    step, zero = spread(step, x, ctx.axis), spread(zero, x, ctx.axis)
    ratio = x.float() / step
    stored = ratio.round() + zero
    inside = (stored >= ctx.quant_min) & (stored <= ctx.quant_max)
    to_x = torch.where(inside, gradient, 0) if ctx.needs_input_grad[0] else None
    damping = 1.0 / math.sqrt(max(1, x.numel() // scale.numel()) * ctx.quant_max)
    to_scale = to_zero = None
    if ctx.needs_input_grad[1]:
        slope = torch.where(inside, stored - zero - ratio, stored.clamp(ctx.quant_min, ctx.quant_max) - zero)
        to_scale = _gather(gradient.float() * slope, scale, ctx.axis) * damping
        to_scale = (to_scale * torch.where(scale < 0, -1.0, 1.0)).to(scale.dtype)
    if ctx.needs_input_grad[2]:
        outside = torch.where(inside, 0, -gradient.float() * step)
        to_zero = (_gather(outside, zero_point, ctx.axis) * damping).to(zero_point.dtype)
    return to_x, to_scale, to_zero, None, None, None


fake_quantize.register_autograd(_backward, setup_context=_keep)


@dataclasses.dataclass(frozen=True)
class Grid:
    """The numbers a tensor is rounded to.

    Attributes:
        scale: step between neighbours; one number, one per channel, or blocked (see `fake_quantize`).
        zero_point: the stored number that means 0; same shape.
        format: how it is stored.
        axis: axis of the channels or blocks; -1 where there is one scale.

    """

    scale: torch.Tensor
    zero_point: torch.Tensor
    format: IntFormat
    axis: int = -1

    def __post_init__(self) -> None:
        if self.scale.shape != self.zero_point.shape:
            msg = (
                f"A grid with {list(self.scale.shape)} scales and {list(self.zero_point.shape)} zero points was given; "
                "each scale has its zero point. Give both the same shape."
            )
            raise InputError(msg)
        if not bool((self.scale > 0).all() & self.scale.isfinite().all()):
            msg = f"A grid with the scales {self.scale.flatten()[:4].tolist()} was given; scales are positive numbers."
            raise InputError(msg)


@dataclasses.dataclass(frozen=True)
class FakeQuantize:
    """A fake-quantize node taken apart.

    Attributes:
        node: the node itself.
        value: the node whose value it rounds.
        scale: name of the parameter or buffer.
        zero_point: name of the parameter or buffer.
        axis: -1 where there is one scale.
        quant_min: smallest stored number.
        quant_max: largest stored number.

    """

    node: fx.Node
    value: fx.Node
    scale: str
    zero_point: str
    axis: int
    quant_min: int
    quant_max: int

    @classmethod
    def of(cls, node: fx.Node) -> "FakeQuantize | None":
        """Take a node apart; None where it is another operator."""
        if node.target is not torch.ops.paredown.fake_quantize.default:
            return None
        value, scale, zero_point, axis, quant_min, quant_max = node.args
        return cls(node, value, str(scale.target), str(zero_point.target), axis, quant_min, quant_max)  # type: ignore[union-attr, arg-type]


def fake_quantized(network: Network) -> tuple[FakeQuantize, ...]:
    """Every fake-quantize node of a network, in order of execution."""
    return tuple(found for node in network.nodes() if (found := FakeQuantize.of(node)) is not None)


def insert_after(  # noqa: PLR0913 (place, name and numbers)
    network: Network,
    node: fx.Node,
    name: str,
    grid: Grid,
    *,
    users: Iterable[fx.Node] | None = None,
    trainable: bool = True,
) -> fx.Node:
    """Round what a node computes or reads (a weight). The network is changed; call ``recompile()`` when done.

    Args:
        network: changed in place.
        node: a node with one floating-point tensor as value.
        name: ``name_scale`` and ``name_zero_point`` are registered; values rounded under the same name share them.
        grid: the numbers; used where the name is new.
        users: nodes that get the rounded value; all that use the value now if None.
        trainable: the scale becomes a parameter (zero points stay buffers: a moved zero point would take the
            activation before it out of the runtime's fused kernels).

    """
    readers = list(node.users if users is None else users)
    place = node
    if node.op == "get_attr":  # next to where it is used
        order = {other: position for position, other in enumerate(network.nodes())}
        place = min(readers, key=order.__getitem__).prev
    rounded = _insert(network, node, place, name, grid, trainable=trainable)
    for reader in readers:
        reader.replace_input_with(node, rounded)
    return rounded


def round_biases(network: Network) -> None:
    """Give the bias of every layer with rounded input and weight the value that files store; changes the network.

    8-bit kernels add the bias to their 32-bit sums, so it is a whole number of steps of (input scale x weight scale).
    Layers without a bias, or whose input is rounded per channel, are left alone.
    """
    module = network.graph_module
    for node in network.nodes():
        arguments = node.args[:3]
        if node.op != "call_function" or len(arguments) < 3 or not all(isinstance(a, fx.Node) for a in arguments):
            continue
        source, weight, bias = (argument for argument in arguments if isinstance(argument, fx.Node))
        while moves(source) and source.all_input_nodes:
            source = source.all_input_nodes[0]
        inner, outer = FakeQuantize.of(source), FakeQuantize.of(weight)
        if inner is None or outer is None or inner.axis != -1 or outer.value.op != "get_attr" or bias.op != "get_attr":
            continue
        grids = [
            effective(
                tensor_of(module, entry.scale), tensor_of(module, entry.zero_point), entry.quant_min, entry.quant_max
            )
            for entry in (inner, outer)
        ]
        value = tensor_of(module, str(bias.target))
        if value.ndim == 1 and grids[1][0].numel() in (1, value.numel()):
            step = grids[0][0].double() * grids[1][0].double()
            with torch.no_grad():
                value.copy_((value.double() / step).round() * step)


def tensor_of(module: fx.GraphModule, name: str) -> torch.Tensor:
    """A parameter or buffer of a graph by its dotted name."""
    owner, _, leaf = name.rpartition(".")
    found = getattr(module.get_submodule(owner), leaf)
    if not isinstance(found, torch.Tensor):
        msg = f"{name!r} is no parameter or buffer of this network."
        raise InputError(msg)
    return found


def _insert(  # noqa: PLR0913
    network: Network, value: fx.Node, place: fx.Node, name: str, grid: Grid, *, trainable: bool
) -> fx.Node:
    graph = network.graph_module.graph
    while place.op == "placeholder" and place.next.op == "placeholder":
        place = place.next
    with graph.inserting_after(place):
        scale = graph.get_attr(_register(network, f"{name}_scale", grid.scale, trainable=trainable))
    with graph.inserting_after(scale):
        zero_point = graph.get_attr(_register(network, f"{name}_zero_point", grid.zero_point, trainable=False))
    arguments = (value, scale, zero_point, grid.axis, grid.format.quant_min, grid.format.quant_max)
    with graph.inserting_after(zero_point):
        rounded = graph.call_function(torch.ops.paredown.fake_quantize.default, arguments)
    for made in (scale, zero_point, rounded):
        made.meta = {key: entry for key, entry in value.meta.items() if key != "val"}
    if (fake := value.meta.get("val")) is not None:
        rounded.meta["val"] = torch.empty_like(fake)
        scale.meta["val"] = zero_point.meta["val"] = fake.new_empty(tuple(grid.scale.shape), dtype=torch.float32)
    return rounded


def _register(network: Network, name: str, number: torch.Tensor, *, trainable: bool) -> str:
    owner, _, leaf = name.rpartition(".")
    module = network.graph_module.get_submodule(owner)
    if not hasattr(module, leaf):
        number = number.detach().clone().float()
        if trainable:
            module.register_parameter(leaf, nn.Parameter(number))
        else:
            module.register_buffer(leaf, number)
    return name
