"""Layers with narrow weights, in ONNX Runtime's own operators."""

import onnx
from torch import fx

from paredown.targets.onnx import words
from paredown.targets.onnx.builder import MICROSOFT, Builder
from paredown.targets.onnx.rules.reading import Rule, fake, given

__all__ = ["ACCURACY", "RULES"]

ACCURACY = 4
"""MatMulNBits rounds what it reads to 8 bits block by block: twice as fast as in float, and exact to some 45 dB."""


def _optional(builder: Builder, thing: object) -> str:
    return "" if thing is None else builder.value(thing)


def _linear(builder: Builder, node: fx.Node) -> None:
    x, weight, scale, zero, bias, bits, block, outputs, inputs = node.args
    names = [
        *(builder.value(thing) for thing in (x, weight, scale)),
        *(_optional(builder, t) for t in (zero, None, bias)),
    ]
    while not names[-1]:
        names.pop()
    builder.emit(
        "MatMulNBits",
        names,
        node,
        domain=MICROSOFT,
        K=inputs,
        N=outputs,
        bits=bits,
        block_size=block,
        accuracy_level=ACCURACY,
    )


def _gather(builder: Builder, node: fx.Node) -> None:
    table, index, scale, zero, bits, block, _ = node.args
    names = [builder.value(table), builder.value(index), builder.value(scale), *([builder.value(zero)] if zero else [])]
    builder.emit(
        "GatherBlockQuantized",
        names,
        node,
        domain=MICROSOFT,
        gather_axis=0,
        quantize_axis=1,
        block_size=block,
        bits=bits,
    )


def _dynamic(builder: Builder, node: fx.Node) -> None:
    builder.emit("DynamicQuantizeLinear", [builder.value(given(node))], node, outputs=3)


def _integer(builder: Builder, node: fx.Node) -> None:
    stored, scale, zero, weight, steps = (builder.value(thing) for thing in node.args[:5])
    bias = node.args[5]
    whole = builder.emit("MatMulInteger", [stored, weight, zero], node, part=".whole")
    real = builder.emit("Cast", [whole], node, part=".real", to=onnx.TensorProto.FLOAT)
    factor = builder.emit("Mul", [scale, steps], node, part=".factor")
    if bias is None:
        builder.emit("Mul", [real, factor], node)
        return
    product = builder.emit("Mul", [real, factor], node, part=".product")
    builder.emit("Add", [product, builder.value(bias)], node)


def _steps(builder: Builder, node: fx.Node) -> None:
    x, weight, recurrent, bias, hidden, cell, *grids = (builder.value(thing) for thing in node.args)
    directions, _, width = fake(node.args[2]).shape
    builder.emit(
        "DynamicQuantizeLSTM",
        [x, weight, recurrent, bias, "", hidden, cell, "", *grids],
        node,
        outputs=3,
        domain=MICROSOFT,
        hidden_size=width // 4,
        direction="bidirectional" if directions == 2 else "forward",
    )


RULES: dict[object, Rule] = {
    words.lstm_narrow._opoverload: _steps,
    words.linear_narrow._opoverload: _linear,
    words.gather_narrow._opoverload: _gather,
    words.quantize_dynamic._opoverload: _dynamic,
    words.integer_linear._opoverload: _integer,
}
