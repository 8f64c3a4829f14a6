"""Puts the runtime's own words for layers with narrow weights into a graph, before it is translated."""

import operator
from typing import Any

import torch
from torch import fx

from paredown.errors import LoweringError
from paredown.graph.dynamic import is_dynamic
from paredown.graph.fakequantize import FakeQuantize, effective, fake_quantized, tensor_of
from paredown.graph.fold import drop_unused
from paredown.graph.network import Network
from paredown.targets.onnx import words
from paredown.targets.onnx.steps import say_steps

__all__ = ["say_narrow"]

_aten = torch.ops.aten
_LSTM = _aten.lstm.input
_BITS = (4, 8)
_BLOCKS = (16, 32, 64, 128, 256)


def say_narrow(network: Network) -> Network:
    """A copy in which layers with weights in groups, and those that round while running, are the runtime's operators.

    The network itself where there are none. Weights with one scale per channel and float inputs are left for the
    quantize-dequantize pair, as are embeddings with a scale for the whole table.

    Raises:
        LoweringError: a weight is in groups that the runtime's kernels lack.

    """
    entries = {entry.node.name for entry in fake_quantized(network) if _is_narrow(network, entry)}
    if not entries:
        return network
    network = network.copy()
    writer = _Writer(network)
    for entry in fake_quantized(network):
        if entry.node.name in entries:
            for user in list(entry.node.users):
                if user.target is _LSTM:
                    say_steps(network, user)
                else:
                    writer.replace(user, entry)
    graph = network.graph_module.graph
    graph.eliminate_dead_code()
    drop_unused(network.graph_module)
    return network.recompile()


def _is_narrow(network: Network, entry: FakeQuantize) -> bool:
    """Whether a rounded weight belongs to layers that have a word of their own."""
    if entry.value.op != "get_attr":
        return False
    grouped = tensor_of(network.graph_module, entry.scale).ndim > 1
    users = list(entry.node.users)
    if all(user.target is _LSTM for user in users):
        return True
    if all(user.target is _aten.linear.default and user.args[1] is entry.node for user in users):
        return grouped or all(is_dynamic(user.args[0]) for user in users)  # type: ignore[arg-type]
    table = all(user.target is _aten.embedding.default and user.args[0] is entry.node for user in users)
    return table and entry.axis != -1


class _Writer:
    def __init__(self, network: Network) -> None:
        self._module = network.graph_module
        self._graph = network.graph_module.graph
        self._rounded: dict[fx.Node, tuple[fx.Node, ...]] = {}

    def replace(self, user: fx.Node, entry: FakeQuantize) -> None:
        """Exchange a layer for its word."""
        with self._graph.inserting_before(user):
            if user.target is _aten.embedding.default:
                made = self._gather(user, entry)
            elif is_dynamic(user.args[0]):  # type: ignore[arg-type]
                made = self._integer(user, entry)
            else:
                made = self._linear(user, entry)
        made.meta = dict(user.meta)
        user.replace_all_uses_with(made)
        self._graph.erase_node(user)

    def _linear(self, user: fx.Node, entry: FakeQuantize) -> fx.Node:
        outputs, inputs = entry.value.meta["val"].shape
        bits, block = self._groups(entry, inputs)
        stored, scale, zero = self._numbers(entry, block)
        weight = words.pack(stored, bits).reshape(outputs, inputs // block, -1)
        bias = user.args[2] if len(user.args) > 2 else None
        read = (
            self._buffer(entry, "packed", weight),
            self._buffer(entry, "steps", scale),
            self._zero(entry, zero, bits),
        )
        arguments = (user.args[0], *read, bias, bits, block, outputs, inputs)
        return self._graph.call_function(words.linear_narrow._opoverload, arguments)

    def _gather(self, user: fx.Node, entry: FakeQuantize) -> fx.Node:
        width = entry.value.meta["val"].shape[1]
        if entry.axis == 0:  # one group that is wider than a row
            bits, block = self._bits(entry), 1 << max(4, (width - 1).bit_length())
        else:
            bits, block = self._groups(entry, width)
        stored, scale, zero = self._numbers(entry, block)
        table = self._buffer(entry, "packed", words.pack(stored, bits))
        read = (self._buffer(entry, "steps", scale), self._zero(entry, zero, bits))
        arguments = (table, user.args[1], *read, bits, block, width)
        return self._graph.call_function(words.gather_narrow._opoverload, arguments)

    def _integer(self, user: fx.Node, entry: FakeQuantize) -> fx.Node:
        scale, zero = (tensor_of(self._module, name) for name in (entry.scale, entry.zero_point))
        if scale.ndim > 1 or entry.quant_min >= 0 or bool(zero.round().any()) or entry.quant_min < -128:
            msg = (
                f"The value of node {entry.value.name!r} is read by a layer that rounds while running; ONNX Runtime's "
                "kernels take signed weights with one scale per channel there. Quantize it with quantize.DynamicInt8()."
            )
            raise LoweringError(msg)
        scale, zero = effective(scale, zero, entry.quant_min, entry.quant_max)
        stored = self._stored(entry, scale.reshape(-1, 1), zero.reshape(-1, 1))
        weight = self._buffer(entry, "packed", stored.to(torch.int8).T.contiguous())
        steps = self._buffer(entry, "steps", scale.expand(len(stored)).contiguous())
        bias = user.args[2] if len(user.args) > 2 else None
        arguments = (*self._dynamic(user.args[0]), weight, steps, bias)  # type: ignore[arg-type]
        return self._graph.call_function(words.integer_linear._opoverload, arguments)

    def _dynamic(self, rounded: fx.Node) -> tuple[fx.Node, ...]:
        """Stored numbers, scale and zero point of a value, said once for all its readers."""
        if rounded not in self._rounded:
            source = rounded.all_input_nodes[0]
            with self._graph.inserting_after(rounded):
                made = self._graph.call_function(words.quantize_dynamic._opoverload, (source,))
            fake = source.meta["val"]
            results = (
                fake.new_empty(fake.shape, dtype=torch.uint8),
                fake.new_empty(()),
                fake.new_empty((), dtype=torch.uint8),
            )
            made.meta = {**source.meta, "val": results}
            parts, place = [], made
            for position, value in enumerate(results):
                with self._graph.inserting_after(place):
                    place = self._graph.call_function(operator.getitem, (made, position))
                place.meta = {**source.meta, "val": value}
                parts.append(place)
            self._rounded[rounded] = tuple(parts)
        return self._rounded[rounded]

    def _bits(self, entry: FakeQuantize) -> int:
        bits = (entry.quant_max - entry.quant_min).bit_length()
        if bits not in _BITS:
            msg = (
                f"The value of node {entry.value.name!r} is rounded to {entry.quant_min} .. {entry.quant_max}; ONNX "
                "Runtime stores such weights in 4 or 8 bits. Quantize it with quantize.WeightOnly(bits=4)."
            )
            raise LoweringError(msg)
        return bits

    def _groups(self, entry: FakeQuantize, width: int) -> tuple[int, int]:
        blocks = tensor_of(self._module, entry.scale).shape[-1]
        block = width // blocks
        if entry.axis != 1 or block not in _BLOCKS or width % blocks:
            msg = (
                f"The value of node {entry.value.name!r} is rounded in groups of {block}; ONNX Runtime's kernels take "
                f"groups of {', '.join(map(str, _BLOCKS))}. Quantize it with quantize.WeightOnly(group=32)."
            )
            raise LoweringError(msg)
        return self._bits(entry), block

    def _numbers(self, entry: FakeQuantize, block: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Stored numbers from 0 up, scales ``[rows, blocks]``, zero points (None where all are the middle)."""
        scale, zero = effective(
            tensor_of(self._module, entry.scale),
            tensor_of(self._module, entry.zero_point),
            entry.quant_min,
            entry.quant_max,
        )
        scale, zero = (number.reshape(len(number), -1) for number in (scale, zero))
        width = entry.value.meta["val"].shape[1]
        step, offset = (number.repeat_interleave(block, 1)[:, :width] for number in (scale, zero))
        stored = self._stored(entry, step, offset) - entry.quant_min
        zero = zero - entry.quant_min
        middle = (entry.quant_max - entry.quant_min + 1) // 2
        return stored, scale.contiguous(), None if bool((zero == middle).all()) else zero

    def _stored(self, entry: FakeQuantize, step: torch.Tensor, zero: torch.Tensor) -> torch.Tensor:
        values = tensor_of(self._module, str(entry.value.target)).detach().float()
        return ((values / step).round() + zero).clamp(entry.quant_min, entry.quant_max)

    def _zero(self, entry: FakeQuantize, zero: torch.Tensor | None, bits: int) -> fx.Node | None:
        return None if zero is None else self._buffer(entry, "zeros", words.pack(zero, bits))

    def _buffer(self, entry: FakeQuantize, kind: str, values: torch.Tensor) -> fx.Node:
        owner, _, leaf = entry.scale.removesuffix("_scale").rpartition(".")
        module, name = self._module.get_submodule(owner), f"{leaf}_{kind}"
        if not hasattr(module, name):
            module.register_buffer(name, values)
        read = self._graph.get_attr(f"{owner}.{name}" if owner else name)
        fake: Any = entry.value.meta["val"]
        read.meta = {**entry.value.meta, "val": fake.new_empty(tuple(values.shape), dtype=values.dtype)}
        return read
