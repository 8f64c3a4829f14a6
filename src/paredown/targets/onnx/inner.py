"""Values inside of an ONNX file: a copy of it hands its 8-bit values out as further outputs."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

if TYPE_CHECKING:
    from paredown.targets.target import Session

__all__ = ["rounded_values"]

_PART = ".stored"


def rounded_values(
    path: Path, open_file: "Callable[[Path], Session]"
) -> Callable[[Sequence[NDArray[Any]]], Mapping[str, NDArray[Any]]]:
    """What every QuantizeLinear of a file gives, as float32, by the name of the network's node.

    The stored numbers are asked for, not the float ones after them: the runtime fuses the same kernels with an 8-bit
    value handed out, and would not with a float one.

    Args:
        path: the file.
        open_file: opens a file.

    """
    model = onnx.load(str(path))
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    outputs = {value.name for value in model.graph.output}
    found: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {}
    for node in model.graph.node:
        if node.op_type != "QuantizeLinear" or not node.output[0].endswith(_PART) or node.output[0] in outputs:
            continue
        scale, zero = (stored[name] for name in node.input[1:])
        kind = onnx.helper.np_dtype_to_tensor_dtype(zero.dtype)
        model.graph.output.append(onnx.helper.make_tensor_value_info(node.output[0], kind, None))
        found[node.output[0].removesuffix(_PART)] = (scale, zero)

    def run(inputs: Sequence[NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
        with tempfile.TemporaryDirectory(prefix="paredown-") as scratch:
            opened = Path(scratch) / path.name
            onnx.save(model, str(opened))
            with open_file(opened) as session:
                results = session.run(inputs)[len(outputs) :]
        values: dict[str, NDArray[Any]] = {}
        for (name, (scale, zero)), result in zip(found.items(), results, strict=True):
            values[name] = (result.astype(np.float32) - zero.astype(np.float32)) * scale
        return values

    return run
