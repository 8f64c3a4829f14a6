"""The general way into ONNX: torch's own exporter, silenced and told what it cannot know."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import fx

from paredown.errors import LoweringError
from paredown.graph.network import Network

__all__ = ["export"]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter: progress lines, notes on packages it does not find, one deprecation of its own."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def export(network: Network) -> Any:
    """Translate a network in eval mode with ``torch.onnx.export``.

    Returns:
        An ``onnx.ModelProto``.

    Raises:
        LoweringError: an operator has no translation.

    """
    shapes = tuple(
        {axis: torch.export.Dim.DYNAMIC for axis, size in enumerate(spec.shape) if isinstance(size, str)}
        for spec in network.inputs
    )
    outputs = [f"output_{i}" if i else "output" for i in range(len(_output_arguments(network.graph_module)))]
    with _quiet(), torch.no_grad():
        program = torch.export.export(network.graph_module, network.example, dynamic_shapes=(shapes))
        try:
            result = torch.onnx.export(
                program,
                (),
                dynamo=True,
                verbose=False,
                input_names=[spec.name for spec in network.inputs],
                output_names=outputs,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            msg = f"ONNX cannot say this network: {error}"
            raise LoweringError(msg) from error
    return result.model_proto


def _output_arguments(graph_module: fx.GraphModule) -> tuple[Any, ...]:
    output = next(node for node in reversed(graph_module.graph.nodes) if node.op == "output")
    result = output.args[0]
    return tuple(result) if isinstance(result, tuple | list) else (result,)
