"""Turns quantize-dequantize pairs into what ONNX Runtime's 8-bit kernels look for.

Weights are stored as int8, biases as int32 in steps of (activation scale x weight scale), and data is moved (reshaped,
sliced, padded, concatenated, pooled by maximum) while it is still stored in 8 bits.
"""

import dataclasses

import numpy as np
import onnx
from onnx import NodeProto, numpy_helper

__all__ = ["store_int8"]

_MOVES = {"Reshape", "Transpose", "Slice", "Squeeze", "Unsqueeze", "Flatten", "MaxPool", "Gather", "Split", "Pad"}
_LAYERS = {"Conv", "Gemm"}
_ROUNDED_BY_RUNTIME = {"Conv", "ConvTranspose", "Gemm"}


def store_int8(model: onnx.ModelProto) -> None:
    """Rewrite a model with QuantizeLinear and DequantizeLinear nodes in place."""
    rewrite = _Rewrite(model.graph)
    rewrite.weights()
    rewrite.move()
    rewrite.biases()
    rewrite.keep_float()
    rewrite.finish()


@dataclasses.dataclass
class _Rewrite:
    graph: onnx.GraphProto

    def __post_init__(self) -> None:
        self.nodes: list[NodeProto] = list(self.graph.node)
        self.stored = {tensor.name: tensor for tensor in self.graph.initializer}
        self.maker = {name: node for node in self.nodes for name in node.output}

    def array(self, name: str) -> np.ndarray:
        return numpy_helper.to_array(self.stored[name])

    def store(self, name: str, array: np.ndarray) -> str:
        self.stored[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def add(self, name: str, array: np.ndarray) -> str:
        """Store under a name of its own: a module may be called as the node that another module became."""
        while name in self.stored or name in self.maker:
            name += "_"
        return self.store(name, array)

    def weights(self) -> None:
        """Replace QuantizeLinear of a stored tensor by the stored result."""
        for node in list(self.nodes):
            if node.op_type != "QuantizeLinear" or node.input[0] not in self.stored:
                continue
            values, scale, zero = (self.array(name) for name in node.input)
            axis = _attribute(node, "axis", 1)
            shape = [-1 if dim == axis % values.ndim else 1 for dim in range(values.ndim)]
            if scale.size > 1:
                scale, zero = scale.reshape(shape), zero.reshape(shape)
            limits = np.iinfo(zero.dtype)
            steps = np.rint(values / scale) + zero.astype(np.float32)
            self.store(node.output[0], steps.clip(limits.min, limits.max).astype(zero.dtype))
            self.nodes.remove(node)
            del self.maker[node.output[0]]
        for node in list(self.nodes):
            self._turn(node)

    def _turn(self, node: NodeProto) -> None:
        """Apply a transpose of a dequantized stored tensor to the stored tensor."""
        pair = self.maker.get(node.input[0]) if node.op_type == "Transpose" else None
        if pair is None or pair.op_type != "DequantizeLinear" or pair.input[0] not in self.stored:
            return
        order = list(next(entry.ints for entry in node.attribute if entry.name == "perm"))
        values = self.array(pair.input[0]).transpose(order)
        name = self.store(f"{pair.input[0]}_turned", values)
        axis = order.index(_attribute(pair, "axis", 1) % values.ndim)
        position = self.nodes.index(node)
        self.nodes[position] = onnx.helper.make_node(
            "DequantizeLinear", [name, *pair.input[1:]], list(node.output), name=node.name, axis=axis
        )
        self.maker[node.output[0]] = self.nodes[position]

    def biases(self) -> None:
        """Store the bias of a layer with 8-bit inputs as int32."""
        for node in list(self.nodes):
            if node.op_type not in _LAYERS or len(node.input) < 3 or node.input[2] not in self.stored:
                continue
            source, weight = (self.maker.get(name) for name in node.input[:2])
            if source is None or weight is None or {source.op_type, weight.op_type} != {"DequantizeLinear"}:
                continue
            scale = self.array(source.input[1]).reshape(-1).astype(np.float64) * self.array(weight.input[1])
            bias = self.array(node.input[2])
            scale = np.broadcast_to(scale.astype(np.float32), bias.shape)
            limits = np.iinfo(np.int32)
            steps = np.rint(bias.astype(np.float64) / scale).clip(limits.min, limits.max).astype(np.int32)
            stem = node.output[0]
            inputs = [self.add(f"{stem}.bias", steps), self.add(f"{stem}.bias_scale", scale)]
            inputs.append(self.add(f"{stem}.bias_zero_point", np.zeros(bias.shape, np.int32)))
            made = onnx.helper.make_node("DequantizeLinear", inputs, [f"{inputs[0]}_float"], axis=0)
            self.nodes.insert(self.nodes.index(node), made)
            node.input[2] = made.output[0]

    def keep_float(self) -> None:
        """Shield layers with float weights: fed by a dequantized value, the runtime would round their weights itself.

        It does so per tensor and without asking (ONNX Runtime's WeightBiasQuantization), but only where the value has
        a single scale; so these layers get the same value dequantized with that scale repeated per channel.
        """
        for node in list(self.nodes):
            if node.op_type not in _ROUNDED_BY_RUNTIME or node.input[1] not in self.stored:
                continue
            pair = self.maker.get(node.input[0])
            if pair is None or pair.op_type != "DequantizeLinear" or self.array(pair.input[1]).size != 1:
                continue
            shape = self.array(node.input[1]).shape
            group = _attribute(node, "group", 1)
            channels = shape[0] if node.op_type == "ConvTranspose" else shape[1] * group
            if node.op_type == "Gemm" and not _attribute(node, "transB", 0):
                channels = shape[0]
            stem = node.output[0]
            grid = [
                self.add(f"{stem}.input_{kind}", np.repeat(self.array(name).reshape(-1), channels))
                for kind, name in zip(("scale", "zero_point"), pair.input[1:], strict=True)
            ]
            made = onnx.helper.make_node(
                "DequantizeLinear", [pair.input[0], *grid], [f"{stem}.input"], name=f"{stem}.input", axis=1
            )
            self.nodes.insert(self.nodes.index(node), made)
            node.input[0] = made.output[0]

    def move(self) -> None:
        """Let data movement work on stored values: dequantize after it, not before."""
        for node in list(self.nodes):
            if node.op_type in _MOVES:
                self._sink(node, [0])
            elif node.op_type == "Concat":
                self._sink(node, range(len(node.input)))

    def _sink(self, node: NodeProto, positions: "range | list[int]") -> None:
        pairs = [self.maker.get(node.input[position]) for position in positions]
        if any(pair is None or pair.op_type != "DequantizeLinear" or pair.input[0] in self.stored for pair in pairs):
            return
        grids = {tuple(pair.input[1:]) for pair in pairs if pair is not None}
        if len(grids) != 1 or self.array(next(iter(grids))[0]).size != 1:
            return
        scale, zero = next(iter(grids))
        if node.op_type == "Pad" and not self._pads_stored(node, zero):
            return
        for position, pair in zip(positions, pairs, strict=True):
            if pair is not None:
                node.input[position] = pair.input[0]
        place = self.nodes.index(node)
        moved = node.output[:1] if node.op_type == "MaxPool" else node.output  # its second result are places
        for position, name in enumerate(list(moved)):
            node.output[position] = f"{name}.stored"
            made = onnx.helper.make_node(
                "DequantizeLinear", [f"{name}.stored", scale, zero], [name], name=f"{name}.float"
            )
            place += 1
            self.nodes.insert(place, made)
            self.maker[name] = made

    def _pads_stored(self, node: NodeProto, zero: str) -> bool:
        """Let a pad with zeros (what it pads with is optional) add the stored zero; whether it can work on stored values."""
        if _text(node, "mode", "constant") != "constant":
            return True
        value = node.input[2] if len(node.input) > 2 else ""
        if value and (value not in self.stored or self.array(value).item() != 0.0):
            return False
        stored = self.add(f"{node.output[0]}.zero", self.array(zero).reshape(()))
        node.input[:] = [*node.input[:2], stored, *node.input[3:]]
        return True

    def finish(self) -> None:
        """Write nodes and initialisers back."""
        del self.graph.node[:]
        self.graph.node.extend(self.nodes)
        del self.graph.initializer[:]
        self.graph.initializer.extend(self.stored.values())


def _attribute(node: NodeProto, name: str, default: int) -> int:
    return next((int(entry.i) for entry in node.attribute if entry.name == name), default)


def _text(node: NodeProto, name: str, default: str) -> str:
    return next((entry.s.decode() for entry in node.attribute if entry.name == name), default)
