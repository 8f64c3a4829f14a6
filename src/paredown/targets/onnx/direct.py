"""The quick way into ONNX: one rule per operator, from the captured graph straight to nodes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import onnx
import torch
from torch import fx

from paredown.graph.network import InputSpec, Network
from paredown.targets.onnx.builder import IR_VERSION, MICROSOFT, OPSET, Builder, Untranslatable
from paredown.targets.onnx.constants import constants
from paredown.targets.onnx.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["output_name", "translate"]


def translate(network: Network) -> onnx.ModelProto | None:
    """Translate a network in eval mode, or return None where a node is beyond the rules."""
    builder = Builder(network.graph_module)
    dims: dict[str, str] = {}
    inputs = []
    specs = iter(network.inputs)
    known = constants(network)
    _store(builder, known)
    try:
        for node in (node for node in network.nodes() if node not in known):
            if node.op == "placeholder":
                spec = next(specs)
                builder.names[node] = builder.fresh(spec.name)
                inputs.append(_input(spec, node.meta.get("val"), dims))
            elif node.op == "call_function":
                if isinstance(node.meta.get("val"), int | torch.SymInt):
                    continue  # sizes are read from the shapes of results, see the rule for reshapes
                if node.target not in RULES:
                    return None
                RULES[node.target](builder, node)
            elif node.op == "output":
                results = node.args[0] if isinstance(node.args[0], list | tuple) else (node.args[0],)
                outputs = [_output(builder, index, result, dims) for index, result in enumerate(results)]
            elif node.op != "get_attr":
                return None
    except Untranslatable:
        return None
    graph = onnx.helper.make_graph(builder.nodes, "paredown", inputs, outputs, list(builder.initializers.values()))
    domains = {"": OPSET, **({MICROSOFT: 1} if any(node.domain == MICROSOFT for node in builder.nodes) else {})}
    return onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid(name, version) for name, version in domains.items()],
        ir_version=IR_VERSION,
        producer_name="paredown",
    )


def _store(builder: Builder, known: Mapping[fx.Node, np.ndarray]) -> None:
    """Make initialisers of the constants that other nodes read."""
    for node, value in known.items():
        if not known.keys() >= node.users.keys():
            builder.names[node] = builder.constant(value, value.dtype, node.name)


def _kind(dtype: torch.dtype) -> int:
    return int(onnx.helper.np_dtype_to_tensor_dtype(torch.empty((), dtype=dtype).numpy().dtype))


def _input(spec: InputSpec, fake: object, dims: dict[str, str]) -> onnx.ValueInfoProto:
    if isinstance(fake, torch.Tensor):
        for size, name in zip(fake.shape, spec.shape, strict=True):
            if isinstance(name, str):
                dims[str(size)] = name
    return onnx.helper.make_tensor_value_info(spec.name, _kind(spec.dtype), list(spec.shape))


def _output(builder: Builder, index: int, result: object, dims: dict[str, str]) -> onnx.ValueInfoProto:
    fake = result.meta.get("val") if isinstance(result, torch.fx.Node) else None
    if not isinstance(fake, torch.Tensor):
        raise Untranslatable(str(result))
    name = builder.fresh(output_name(index))
    builder.nodes.append(onnx.helper.make_node("Identity", [builder.value(result)], [name], name=name))
    shape: Sequence[int | str | None] = [size if isinstance(size, int) else dims.get(str(size)) for size in fake.shape]
    return onnx.helper.make_tensor_value_info(name, _kind(fake.dtype), shape)


def output_name(index: int) -> str:
    """Names of a file's outputs: ``output``, ``output_1`` and so on."""
    return f"output_{index}" if index else "output"
