"""The general way into ONNX: torch's own exporter, silenced and told what it cannot know."""

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import onnx
import onnxscript
import torch
from onnxscript import opset20
from torch import fx

from paredown.errors import LoweringError
from paredown.graph.network import Network, module_path
from paredown.targets.onnx import words
from paredown.targets.onnx.builder import MICROSOFT, OPSET
from paredown.targets.onnx.direct import output_name
from paredown.targets.onnx.rules.narrow import ACCURACY
from paredown.targets.onnx.widened import widened

__all__ = ["export"]


def _fake_quantize(x: Any, scale: Any, zero_point: Any, axis: int, quant_min: int, quant_max: int) -> Any:  # noqa: ARG001, PLR0913, PLR0917 (the operator's)
    """Say `paredown::fake_quantize` as a QuantizeLinear and DequantizeLinear pair."""
    channel = {} if axis == -1 else {"axis": axis}
    return opset20.DequantizeLinear(
        opset20.QuantizeLinear(x, scale, zero_point, **channel), scale, zero_point, **channel
    )


def _microsoft(
    name: str,
    inputs: Mapping[str, str],
    attributes: Sequence[str],
    *,
    words: Sequence[str] = (),
    outputs: Sequence[str] = ("Y",),
) -> Any:
    """An operator of ONNX Runtime's own, which the exporter has no schema of.

    Args:
        name: of the operator.
        inputs: types by name; those with a ``?`` may be missing.
        attributes: names of those that are whole numbers.
        words: names of those that are words.
        outputs: their names.

    """
    schema = onnx.defs.OpSchema
    options = schema.FormalParameterOption
    given = [
        schema.FormalParameter(
            key,
            f"tensor({kind.strip('?')})",
            "",
            param_option=options.Optional if kind.endswith("?") else options.Single,
        )
        for key, kind in inputs.items()
    ]
    made = schema(
        name,
        MICROSOFT,
        1,
        inputs=given,
        outputs=[schema.FormalParameter(key, "tensor(float)", "") for key in outputs],
        attributes=[
            *(schema.Attribute(key, schema.AttrType.INT, "", required=True) for key in attributes),
            *(schema.Attribute(key, schema.AttrType.STRING, "", required=True) for key in words),
        ],
    )
    return onnxscript.values.Op(onnxscript.values.Opset(MICROSOFT, 1), name, made)


_MATMUL = _microsoft(
    "MatMulNBits",
    {"A": "float", "B": "uint8", "scales": "float", "zeros": "uint8?", "order": "int32?", "bias": "float?"},
    ("K", "N", "bits", "block_size", "accuracy_level"),
)
_LSTM = _microsoft(
    "DynamicQuantizeLSTM",
    {
        "X": "float",
        "W": "int8",
        "R": "int8",
        "B": "float?",
        "lengths": "int32?",
        "h": "float?",
        "c": "float?",
        "P": "float?",
        "W_scale": "float",
        "W_zero": "int8",
        "R_scale": "float",
        "R_zero": "int8",
    },
    ("hidden_size",),
    words=("direction",),
    outputs=("Y", "Y_h", "Y_c"),
)
_GATHER = _microsoft(
    "GatherBlockQuantized",
    {"data": "uint8", "indices": "int64", "scales": "float", "zeros": "uint8?"},
    ("gather_axis", "quantize_axis", "block_size", "bits"),
)


def _linear_narrow(  # noqa: PLR0913, PLR0917 (the operator's)
    x: Any, weight: Any, scale: Any, zero: Any, bias: Any, bits: int, block: int, outputs: int, inputs: int
) -> Any:
    return _MATMUL(
        x, weight, scale, zero, None, bias, K=inputs, N=outputs, bits=bits, block_size=block, accuracy_level=ACCURACY
    )


def _gather_narrow(table: Any, index: Any, scale: Any, zero: Any, bits: int, block: int, width: int) -> Any:  # noqa: ARG001, PLR0913, PLR0917 (the operator's)
    return _GATHER(table, index, scale, zero, gather_axis=0, quantize_axis=1, block_size=block, bits=bits)


def _lstm_narrow(  # noqa: PLR0913, PLR0917 (the operator's)
    x: Any,
    weight: Any,
    recurrent: Any,
    bias: Any,
    hidden: Any,
    cell: Any,
    weight_scale: Any,
    weight_zero: Any,
    recurrent_scale: Any,
    recurrent_zero: Any,
) -> Any:
    directions, width = (int(recurrent.shape[axis]) for axis in (0, 1))
    state = (None, hidden, cell, None)
    grids = (weight_scale, weight_zero, recurrent_scale, recurrent_zero)
    direction = "bidirectional" if directions == 2 else "forward"
    return _LSTM(x, weight, recurrent, bias, *state, *grids, hidden_size=width, direction=direction)


def _quantize_dynamic(x: Any) -> Any:
    return opset20.DynamicQuantizeLinear(x)


def _integer_linear(stored: Any, scale: Any, zero: Any, weight: Any, steps: Any, bias: Any) -> Any:  # noqa: PLR0913, PLR0917 (the operator's)
    real = opset20.Cast(opset20.MatMulInteger(stored, weight, zero), to=onnx.TensorProto.FLOAT)
    product = opset20.Mul(real, opset20.Mul(scale, steps))
    return product if bias is None else opset20.Add(product, bias)


def _cdist(x: Any, y: Any, p: float, compute_mode: int | None = None) -> Any:  # noqa: ARG001 (the operator's)
    if p not in {1, 2}:
        msg = f"aten.cdist with p={p}: distances of order 1 and 2 have a translation"
        raise ValueError(msg)
    before, after, last = (opset20.Constant(value_ints=[axis]) for axis in (-2, -3, -1))
    apart = opset20.Sub(opset20.Unsqueeze(x, before), opset20.Unsqueeze(y, after))  # type: ignore[arg-type]
    reduce = opset20.ReduceL1 if p == 1 else opset20.ReduceL2
    return reduce(apart, last, keepdims=0)  # type: ignore[arg-type]


_TABLE: dict[Any, Any] = {
    torch.ops.aten._cdist_forward.default: _cdist,
    torch.ops.paredown.fake_quantize.default: _fake_quantize,
    words.linear_narrow._opoverload: _linear_narrow,
    words.gather_narrow._opoverload: _gather_narrow,
    words.lstm_narrow._opoverload: _lstm_narrow,
    words.quantize_dynamic._opoverload: _quantize_dynamic,
    words.integer_linear._opoverload: _integer_linear,
}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter: progress lines, notes on packages it does not find, deprecations of its own."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
            warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"onnxscript|onnx_ir|torch\.onnx")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def export(network: Network) -> onnx.ModelProto:
    """Translate a network in eval mode with ``torch.onnx.export``.

    Raises:
        LoweringError: an operator has no translation; the message names operator, node and module.

    """
    _refuse_varying_groups(network)
    network = widened(network)
    shapes = tuple(
        {axis: torch.export.Dim.DYNAMIC for axis, size in enumerate(spec.shape) if isinstance(size, str)}
        for spec in network.inputs
    )
    results = next(node for node in reversed(list(network.nodes())) if node.op == "output").args[0]
    count = len(results) if isinstance(results, list | tuple) else 1
    with _quiet(), torch.no_grad():
        try:
            program = torch.export.export(network.graph_module, network.example, dynamic_shapes=shapes)
            exported = torch.onnx.export(
                program,
                (),
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                input_names=[spec.name for spec in network.inputs],
                output_names=[output_name(index) for index in range(count)],
                custom_translation_table=_TABLE,
            )
        except (torch.onnx.OnnxExporterError, torch._dynamo.exc.TorchDynamoException, RuntimeError) as error:
            raise LoweringError(_explain(network, error)) from error
    if exported is None:
        msg = "torch.onnx.export returned nothing."
        raise LoweringError(msg)
    model: onnx.ModelProto = exported.model_proto
    del model.metadata_props[:]
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    return model


def _refuse_varying_groups(network: Network) -> None:
    for node in network.nodes():
        if str(node.target).startswith("aten.conv") and any(
            isinstance(argument, fx.Node) for argument in node.args[3:]
        ):
            msg = (
                f"{node.target} (node {node.name!r}, module {module_path(node)!r}) has as many groups as the batch has "
                "examples; ONNX stores a number there. Scale what the convolution reads and gives instead of its weight: "
                "conv2d(x * style) * demodulation computes the same."
            )
            raise LoweringError(msg)


def _explain(network: Network, error: BaseException) -> str:
    """Name operator, node and module of what failed, from the exporter's own words."""
    causes = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    last = str(causes[-1]).strip().splitlines()
    reason = last[0].rstrip(".") if last else type(causes[-1]).__name__
    named = re.search(r"op='([\w.]+)'|\b((?:aten|paredown)[.:]+\w+)", str(causes[-1]))
    wanted = next((group for group in named.groups() if group), "").replace("::", ".") if named else ""
    calls = [node for node in network.nodes() if node.op == "call_function"]
    found = next((node for node in calls if wanted and str(node.target).startswith(wanted)), None)
    where = (
        "the network"
        if found is None
        else f"operator {found.target} (node {found.name!r}, module {module_path(found)!r})"
    )
    return (
        f"ONNX has no words for {where}: {reason}. Replace it in the model by operators that ONNX knows, or use "
        "targets.Torch(), which runs every operator."
    )
