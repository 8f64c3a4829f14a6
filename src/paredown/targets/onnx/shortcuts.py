"""Zero-padded, strided shortcuts as 1x1 convolutions with an identity weight.

``pad(x[:, :, ::2, ::2])`` is two or three copying kernels that keep ONNX Runtime out of its blocked layouts: both the
float (NCHWc) and the 8-bit (NHWC) kernels convert there and back around each of them. A strided convolution whose weight
is the identity computes the same numbers inside those layouts. ``python -m benchmarks.shapes shortcuts`` times both ways
by size.
"""

from typing import Any

import torch
from torch import fx

from paredown.graph.fakequantize import FakeQuantize, Grid, insert_after, tensor_of
from paredown.graph.formats import INT8, UINT8
from paredown.graph.network import Network

__all__ = ["MOST_MACS", "convolve_shortcuts"]

_aten = torch.ops.aten
_END = 1 << 40

MOST_MACS = 500_000
"""Above so many multiply-adds the copies stay: the convolution's work grows faster than theirs."""


def convolve_shortcuts(network: Network) -> int:
    """Replace padded (and strided) shortcuts; the network is changed and recompiled.

    Only zero padding of the channel axis of ``[n, c, h, w]`` counts, with whole-image strides before it.

    Returns:
        How many were replaced.

    """
    graph = network.graph_module.graph
    replaced = 0
    for pad in list(graph.nodes):
        amounts = _channel_padding(pad)
        if amounts is None:
            continue
        source, stride = _strided(pad.args[0])
        shape = pad.meta["val"].shape
        channels = source.meta["val"].shape[1]
        work = channels * shape[1] * shape[2] * shape[3]
        if isinstance(work, int) and work <= MOST_MACS:
            _replace(network, pad, source, channels, amounts, stride, f"shortcut_{replaced}")
            replaced += 1
    if replaced:
        graph.eliminate_dead_code()
        network.recompile()
    return replaced


def _channel_padding(node: fx.Node) -> tuple[int, int] | None:
    if node.target not in {_aten.pad.default, _aten.constant_pad_nd.default} or node.kwargs:
        return None
    amounts, rest = node.args[1], node.args[2:]
    value = node.meta.get("val")
    zero = rest in ((), ("constant",), ("constant", None), ("constant", 0), ("constant", 0.0), (0,), (0.0,))
    if not isinstance(value, torch.Tensor) or value.ndim != 4 or not zero or not isinstance(amounts, list | tuple):
        return None
    plain = list(amounts)
    if len(plain) != 6 or any(plain[:4]) or not all(isinstance(amount, int) and amount >= 0 for amount in plain):
        return None
    return int(plain[4]), int(plain[5])


def _strided(node: Any) -> tuple[fx.Node, list[int]]:
    """Walk up through whole-image slices; what they start from, and the stride over height and width."""
    stride = [1, 1]
    while node.target is _aten.slice.Tensor and len(node.users) == 1:
        given, defaults = list(node.args), [None, 0, 0, _END, 1]
        source, axis, start, end, step = given + defaults[len(given) :]
        if axis not in (2, 3) or start not in (0, None) or not (end is None or end >= _END):
            break
        stride[axis - 2] *= step
        node = source
    return node, stride


def _replace(  # noqa: PLR0913, PLR0917 (what the pad was made of)
    network: Network,
    pad: fx.Node,
    source: fx.Node,
    channels: int,
    amounts: tuple[int, int],
    stride: list[int],
    name: str,
) -> None:
    graph, module = network.graph_module.graph, network.graph_module
    weight = torch.zeros(channels + sum(amounts), channels, 1, 1)
    weight[torch.arange(channels) + amounts[0], torch.arange(channels)] = 1.0
    module.register_buffer(f"{name}_weight", weight)
    with graph.inserting_before(pad):
        held = graph.get_attr(f"{name}_weight")
        held.meta["val"] = pad.meta["val"].new_empty(tuple(weight.shape))
        convolution = graph.call_function(_aten.conv2d.default, (source, held, None, stride))
    convolution.meta = dict(pad.meta)
    pad.replace_all_uses_with(convolution)
    rounded = FakeQuantize.of(source)
    if rounded is None or rounded.axis != -1:
        return
    one = torch.ones(weight.shape[0])
    insert_after(network, held, f"{name}_weight", Grid(one, torch.zeros_like(one), INT8, axis=0), trainable=False)
    scale, zero_point = (tensor_of(module, entry).detach() for entry in (rounded.scale, rounded.zero_point))
    kept = Grid(scale.abs(), zero_point, UINT8 if rounded.quant_min == 0 else INT8)
    insert_after(network, convolution, name, kept, trainable=False)
