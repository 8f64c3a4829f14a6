"""What ONNX Runtime made of a file: which 8-bit kernels it found, and where it fell back to float."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import numpy_helper

from paredown.targets.artifact import Lowering

if TYPE_CHECKING:
    from paredown.graph.network import Network

__all__ = ["look"]

_INTEGER = (
    "QLinear",
    "QGemm",
    "MatMulInteger",
    "ConvInteger",
    "DynamicQuantize",
    "QAttention",
    "MatMulNBits",
    "GatherBlock",
)
_CONVERSIONS = frozenset({"QuantizeLinear", "DequantizeLinear"})
_MOVES = frozenset(
    {
        "Concat",
        "Constant",
        "Expand",
        "Flatten",
        "Gather",
        "Identity",
        "MaxPool",
        "Pad",
        "ReorderInput",
        "ReorderOutput",
        "Reshape",
        "Shape",
        "Slice",
        "Split",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
    }
)
_SUMS = (
    "QLinearConv",
    "QLinearMatMul",
    "QGemm",
    "MatMulInteger",
    "ConvInteger",
    "DynamicQuantizeMatMul",
    "DynamicQuantizeLSTM",
    "QAttention",
)
_HAS_KERNEL = {
    "Add",
    "AveragePool",
    "Concat",
    "Conv",
    "FusedConv",
    "FusedGemm",
    "FusedMatMul",
    "Gemm",
    "GlobalAveragePool",
    "LeakyRelu",
    "MatMul",
    "Mul",
    "Sigmoid",
}
_LAYERS = {"Conv", "FusedConv", "FusedGemm", "FusedMatMul", "Gemm", "MatMul"}


def look(optimised: Path, network: "Network") -> Lowering:
    """Read the graph that the runtime wrote after its optimisations.

    A node that has an 8-bit kernel, gets 8-bit values only, and is computed in float all the same is reported, with the
    reason: it costs conversions, which is how a quantized file becomes slower than the original.
    """
    graph = onnx.load(str(optimised), load_external_data=False).graph
    paths = {node.name: str(node.meta.get("paredown_path", "")) for node in network.nodes()}
    maker = {name: node for node in graph.node for name in node.output}
    rounded = {node.input[0] for node in graph.node if node.op_type == "QuantizeLinear"}
    unfused = []
    for node in graph.node:
        if node.op_type not in _HAS_KERNEL:
            continue
        read = node.input[:2] if node.op_type in _LAYERS else node.input  # the bias may be anything
        if all(name in maker and maker[name].op_type == "DequantizeLinear" for name in read):
            name, module = _name(node.name), _module(paths, node.name)
            why = "the runtime did not fuse it" if node.output[0] in rounded else "its result is not rounded"
            unfused.append(f"{node.op_type} {name!r}{module} gets 8-bit values but is computed in float: {why}")
    unfused += [
        f"{node.op_type} {_name(node.name)!r}{_module(paths, node.name)} is not fused with what rounds its input"
        for node in graph.node
        if node.op_type in {"MatMulInteger", "ConvInteger"}
    ]
    operators = Counter(node.op_type for node in graph.node)
    quantized = sum(count for kind, count in operators.items() if kind.startswith(_INTEGER))
    return Lowering(
        operators=dict(sorted(operators.items())),
        quantized=quantized,
        unfused=tuple(unfused),
        weight_bits=_weight_bits(graph),
        floats=_floats(operators) if quantized else {},
        conversions=sum(operators[kind] for kind in _CONVERSIONS),
    )


def _floats(operators: Mapping[str, int]) -> dict[str, int]:
    others = {kind for kind in operators if kind not in _MOVES | _CONVERSIONS and not kind.startswith(_INTEGER)}
    return {kind: operators[kind] for kind in sorted(others)}


def _weight_bits(graph: onnx.GraphProto) -> int | None:
    """Bits of the stored signed weights that 8-bit kernels multiply and add up; 64 still counts as 7, as 2 * 255 * 64 fits."""
    read = {name for node in graph.node if node.op_type.startswith(_SUMS) for name in node.input}
    signed = [tensor for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.INT8]
    weights = [numpy_helper.to_array(tensor) for tensor in signed if tensor.name in read and len(tensor.dims) > 1]
    largest = [int(np.abs(weight.astype(np.int16)).max(initial=1)) for weight in weights]
    return (max(largest) - 1).bit_length() + 1 if largest else None


def _name(name: str) -> str:
    """The graph node that a node of the runtime was made of."""
    return name.removeprefix("node_").partition("_token_")[0].partition(".")[0]


def _module(paths: Mapping[str, str], name: str) -> str:
    return f" in {paths[_name(name)]!r}" if paths.get(_name(name)) else ""
