"""LSTMs with rounded weights as the runtime's own operator, one for each layer."""

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import fx

from paredown.errors import LoweringError
from paredown.graph.fakequantize import FakeQuantize, effective, tensor_of
from paredown.graph.network import Network
from paredown.targets.onnx import words

__all__ = ["say_steps"]

_aten = torch.ops.aten
_GATES = (0, 3, 1, 2)  # torch has in, forget, cell, out; ONNX in, out, forget, cell


def say_steps(network: Network, node: fx.Node) -> None:
    """Replace an ``aten.lstm.input`` whose weights are all rounded per row; the network is changed, shapes are not known.

    Raises:
        LoweringError: a weight is in float, or rounded in another way.

    """
    _Steps(network, node).replace()


class _Steps:
    def __init__(self, network: Network, node: fx.Node) -> None:
        given: Any = node.args
        self.node, self.module, self.graph = node, network.graph_module, network.graph_module.graph
        self.x, self.states, self.parameters = given[:3]
        self.biased, self.layers, self.both, self.batch_first = given[3], given[4], given[7], given[8]
        self.directions = 1 + bool(self.both)

    def replace(self) -> None:
        """Say layer after layer, and what the others read of them."""
        with self.graph.inserting_before(self.node):
            x = self._call(_aten.transpose.int, self.x, 0, 1) if self.batch_first else self.x
            ends: list[tuple[fx.Node, fx.Node]] = []
            for layer in range(self.layers):
                x, h, c = self._layer(x, layer)
                ends.append((h, c))
            whole = self._call(_aten.transpose.int, x, 0, 1) if self.batch_first else x
            joined = [self._joined([end[place] for end in ends]) for place in (0, 1)]
        results = (whole, *joined)
        for user in list(self.node.users):
            user.replace_all_uses_with(results[user.args[1]])  # type: ignore[index]
            self.graph.erase_node(user)
        self.graph.erase_node(self.node)

    def _call(self, target: Any, *args: Any) -> fx.Node:
        made = self.graph.call_function(target, args)
        made.meta = {key: entry for key, entry in self.node.meta.items() if key != "val"}
        made.meta["val"] = target(*fx.map_arg(args, lambda node: node.meta["val"]))
        return made

    def _joined(self, parts: Sequence[fx.Node]) -> fx.Node:
        return parts[0] if len(parts) == 1 else self._call(_aten.cat.default, list(parts), 0)

    def _layer(self, x: fx.Node, layer: int) -> tuple[fx.Node, fx.Node, fx.Node]:
        first = layer * self.directions
        states = [self._call(_aten.slice.Tensor, state, 0, first, first + self.directions) for state in self.states]
        count = 4 if self.biased else 2
        sets = [self.parameters[at * count : (at + 1) * count] for at in range(first, first + self.directions)]
        weight, recurrent = (self._stored([given[place] for given in sets], layer, place) for place in (0, 1))
        bias = self._bias([given[2:] for given in sets], layer, int(recurrent[0].meta["val"].shape[1]))
        arguments = (x, weight[0], recurrent[0], bias, *states, *weight[1:], *recurrent[1:])
        made = self._call(words.lstm_narrow._opoverload, *arguments)
        every, h, c = (self._call(operator.getitem, made, place) for place in range(3))
        turned = self._call(_aten.permute.default, every, [0, 2, 1, 3])
        return self._call(_aten.flatten.using_ints, turned, 2, 3), h, c

    def _stored(self, weights: Sequence[fx.Node], layer: int, place: int) -> list[fx.Node]:
        """Stored numbers ``[directions, inputs, 4 * hidden]``, their scales and zero points ``[directions, 4 * hidden]``."""
        numbers, scales, zeros = zip(*(self._numbers(weight) for weight in weights), strict=True)
        stem = f"layer{layer}_{('input', 'state')[place]}"
        parts = {"packed": torch.stack(numbers), "steps": torch.stack(scales), "zeros": torch.stack(zeros)}
        return [self._buffer(f"{stem}_{kind}", values) for kind, values in parts.items()]

    def _numbers(self, weight: fx.Node) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        entry = FakeQuantize.of(weight)
        if entry is None or entry.axis != 0 or entry.quant_min >= 0 or entry.quant_min < -128:
            msg = (
                f"The weight of node {self.node.name!r} is not rounded per output to signed numbers as its others are; ONNX "
                "Runtime's LSTM takes all weights so. Quantize it with quantize.DynamicInt8()."
            )
            raise LoweringError(msg)
        step, offset = (tensor_of(self.module, name) for name in (entry.scale, entry.zero_point))
        scale, zero = effective(step, offset, entry.quant_min, entry.quant_max)
        values = tensor_of(self.module, str(entry.value.target)).detach().float()
        stored = ((values / scale[:, None]).round() + zero[:, None]).clamp(entry.quant_min, entry.quant_max)
        turned = _ordered(stored).T.contiguous().to(torch.int8)
        return turned, _ordered(scale), _ordered(zero).to(torch.int8)

    def _bias(self, biases: Sequence[Sequence[fx.Node]], layer: int, hidden: int) -> fx.Node:
        none = torch.zeros(8 * hidden)
        rows = [
            torch.cat([_ordered(tensor_of(self.module, str(bias.target)).detach()) for bias in pair]) if pair else none
            for pair in biases
        ]
        return self._buffer(f"layer{layer}_bias", torch.stack(rows))

    def _buffer(self, stem: str, values: torch.Tensor) -> fx.Node:
        name = f"{self.node.name}_{stem}"
        while hasattr(self.module, name):
            name += "_"
        self.module.register_buffer(name, values)
        read = self.graph.get_attr(name)
        fake: Any = self.x.meta["val"]
        read.meta = {"paredown_path": "", "val": fake.new_empty(tuple(values.shape), dtype=values.dtype)}
        return read


def _ordered(rows: torch.Tensor) -> torch.Tensor:
    """The four gates of a weight, bias or scale in ONNX's order."""
    parts = rows.chunk(4, 0)
    return torch.cat([parts[gate] for gate in _GATES])
