"""Stores weights that were rounded to 16 bits in 16 bits; the runtime turns them back when it opens the file."""

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
import onnx

from paredown.graph.fold import drop_unused
from paredown.graph.formats import FLOAT16, FloatFormat
from paredown.graph.half import half_format, round_float
from paredown.graph.network import Network

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

__all__ = ["rounded_once", "store_half"]

_LEAST = 64


def rounded_once(network: Network) -> tuple[Network, frozenset[FloatFormat]]:
    """A copy whose 16-bit weights are numbers of their format already, and the formats; itself where there are none."""
    if not any(half_format(node) for node in network.nodes()):
        return network, frozenset()
    network, forms = network.copy(), set[FloatFormat]()
    module = network.graph_module
    for node in network.nodes():
        form = half_format(node)
        if form is None:
            continue
        forms.add(form)
        source: torch.fx.Node = node.args[0]  # type: ignore[assignment]
        name = f"{str(source.target).replace('.', '_')}_{form.name}"
        if not hasattr(module, name):
            value = module.get_parameter(str(source.target)).detach()
            module.register_buffer(name, round_float(value, form.name))
        with module.graph.inserting_before(node):
            stored = module.graph.get_attr(name)
        stored.meta = dict(node.meta)
        node.replace_all_uses_with(stored)
        module.graph.erase_node(node)
    module.graph.eliminate_dead_code()
    drop_unused(module)
    return network.recompile(), frozenset(forms)


def store_half(model: onnx.ModelProto, forms: Collection[FloatFormat]) -> None:
    """Store every initialiser that loses nothing by it in one of the formats, with a cast behind it.

    Whether it loses nothing is looked up number by number, so weights that were folded, turned or merged on their way
    into the file are stored short too, and no others.
    """
    graph = model.graph
    casts = []
    for tensor in list(graph.initializer):
        if tensor.data_type != onnx.TensorProto.FLOAT or int(np.prod(tensor.dims)) < _LEAST:
            continue
        array = onnx.numpy_helper.to_array(tensor)
        for form in sorted(forms, key=lambda form: form.name):
            short = _short(array, form)
            if short is None:
                continue
            name = tensor.name
            short.name = f"{name}_{form.name}"
            tensor.CopyFrom(short)
            casts.append(
                onnx.helper.make_node("Cast", [short.name], [name], name=f"{name}_cast", to=onnx.TensorProto.FLOAT)
            )
            break
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _short(array: "NDArray[np.float32]", form: FloatFormat) -> onnx.TensorProto | None:
    """The array in a format; None where numbers would change."""
    if form == FLOAT16:
        with np.errstate(over="ignore"):
            short = array.astype(np.float16)
        if not np.array_equal(short.astype(np.float32), array):
            return None
        return onnx.numpy_helper.from_array(short)
    bits = np.ascontiguousarray(array).view(np.uint32)
    if (bits & 0xFFFF).any():
        return None
    upper = (bits >> 16).astype(np.uint16)
    return onnx.helper.make_tensor("", onnx.TensorProto.BFLOAT16, array.shape, upper.tobytes(), raw=True)
