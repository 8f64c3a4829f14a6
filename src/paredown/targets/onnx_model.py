"""From a network to the bytes of an ONNX model."""

import dataclasses

import torch

from paredown.errors import LoweringError
from paredown.graph.fakequantize import FakeQuantize, effective, fake_quantized
from paredown.graph.fold import fold_batch_norm
from paredown.graph.network import Network
from paredown.targets.onnx_direct import translate
from paredown.targets.onnx_exporter import export
from paredown.targets.onnx_int8 import store_int8
from paredown.targets.onnx_tidy import tidy

__all__ = ["OnnxModel", "onnx_model"]


@dataclasses.dataclass(frozen=True)
class OnnxModel:
    """A serialised model, and the graph nodes that are to run in 8 bits (name to operator and module path)."""

    data: bytes
    quantized: bool


def onnx_model(network: Network) -> OnnxModel:
    """Fold, translate and serialise a network.

    Raises:
        LoweringError: an operator or a number format has no words in ONNX.

    """
    folded, _ = fold_batch_norm(network.copy().cpu())
    rounded = fake_quantized(folded)
    for entry in rounded:
        _settle(folded, entry)
    model = translate(folded) or export(folded)
    tidy(model)
    if rounded:
        store_int8(model)
        tidy(model)
    return OnnxModel(model.SerializeToString(deterministic=True), bool(rounded))


def _settle(network: Network, entry: FakeQuantize) -> None:
    """Give scale and zero point the values and types that the file stores."""
    form = torch.uint8 if entry.quant_min == 0 else torch.int8
    limits = torch.iinfo(form)
    weight = entry.value.op == "get_attr"
    fits = limits.min <= entry.quant_min and entry.quant_max <= limits.max
    if not fits or not (weight or (limits.min == entry.quant_min and limits.max == entry.quant_max)):
        msg = (
            f"The value of node {entry.value.name!r} is rounded to {entry.quant_min} .. {entry.quant_max}; ONNX "
            "Runtime's kernels store 8 bits, -128 .. 127 or 0 .. 255. Quantize it with quantize.Int8()."
        )
        raise LoweringError(msg)
    module = network.graph_module
    scale, zero_point = _tensor(module, entry.scale), _tensor(module, entry.zero_point)
    if scale.ndim > 1:
        msg = f"The value of node {entry.value.name!r} is rounded in groups, which 8-bit kernels here do not know."
        raise LoweringError(msg)
    scale, zero_point = effective(scale, zero_point, entry.quant_min, entry.quant_max)
    _replace(module, entry.scale, scale)
    _replace(module, entry.zero_point, zero_point.to(form))


def _tensor(module: torch.fx.GraphModule, name: str) -> torch.Tensor:
    owner, _, leaf = name.rpartition(".")
    found = getattr(module.get_submodule(owner), leaf)
    return torch.as_tensor(found)


def _replace(module: torch.fx.GraphModule, name: str, value: torch.Tensor) -> None:
    owner, _, leaf = name.rpartition(".")
    parent = module.get_submodule(owner)
    delattr(parent, leaf)
    parent.register_buffer(leaf, value)
