"""Small clean-ups of an ONNX graph: constants computed, identities dropped, nothing left unused.

Whatever a body of If, Loop or Scan reads of the graph around it counts as read by the node that holds the body.
"""

from collections.abc import Iterator

import numpy as np
import onnx

__all__ = ["tidy"]


def tidy(model: onnx.ModelProto) -> None:
    """Turn constant nodes into initialisers, apply transposes of initialisers, drop identities and what is unused."""
    graph = model.graph
    _constants(graph)
    _transposes(graph)
    _identities(graph)
    _unused(graph)


def _constants(graph: onnx.GraphProto) -> None:
    for node in list(graph.node):
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            tensor = graph.initializer.add()
            tensor.CopyFrom(node.attribute[0].t)
            tensor.name = node.output[0]
            graph.node.remove(node)


def _transposes(graph: onnx.GraphProto) -> None:
    stored = {tensor.name: tensor for tensor in graph.initializer}
    for node in list(graph.node):
        if node.op_type == "Transpose" and node.input[0] in stored:
            array = onnx.numpy_helper.to_array(stored[node.input[0]])
            order = next((list(entry.ints) for entry in node.attribute if entry.name == "perm"), None)
            turned = np.ascontiguousarray(np.transpose(array, order))
            tensor = onnx.numpy_helper.from_array(turned, node.output[0])
            graph.initializer.append(tensor)
            stored[tensor.name] = tensor
            graph.node.remove(node)


def _identities(graph: onnx.GraphProto) -> None:
    """Drop an Identity by giving its name to the producer, or its source to the consumers."""
    inputs = {value.name for value in graph.input}
    outputs = {value.name for value in graph.output}
    for node in [node for node in graph.node if node.op_type == "Identity"]:
        source, result = node.input[0], node.output[0]
        producer = next((other for other in graph.node if source in other.output), None)
        if result in outputs:
            if producer is None or source in outputs or source in inputs:
                continue
            old, new = source, result
            for position, name in enumerate(producer.output):
                if name == old:
                    producer.output[position] = new
        else:
            old, new = result, source
        graph.node.remove(node)
        for other in graph.node:
            _rename(other, old, new)


def _rename(node: onnx.NodeProto, old: str, new: str) -> None:
    """Let a node, and the bodies it holds, read another value."""
    for position, name in enumerate(node.input):
        if name == old:
            node.input[position] = new
    for body in _bodies(node):
        for inner in body.node:
            _rename(inner, old, new)


def _bodies(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for entry in node.attribute:
        if entry.type == onnx.AttributeProto.GRAPH:
            yield entry.g
        yield from entry.graphs


def _read(node: onnx.NodeProto) -> set[str]:
    """The values that a node reads, those of its bodies among them."""
    names = set(node.input)
    for body in _bodies(node):
        names |= {value.name for value in body.output}
        for inner in body.node:
            names |= _read(inner)
    return names


def _unused(graph: onnx.GraphProto) -> None:
    needed = {value.name for value in graph.output}
    for node in reversed(list(graph.node)):
        if needed.isdisjoint(node.output):
            graph.node.remove(node)
        else:
            needed |= _read(node)
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in needed]:
        graph.initializer.remove(tensor)
