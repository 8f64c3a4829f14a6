"""From a network to the bytes of an ONNX model."""

import dataclasses

import torch

from paredown.errors import LoweringError
from paredown.graph.fakequantize import FakeQuantize, effective, fake_quantize, fake_quantized, round_biases, tensor_of
from paredown.graph.inference import inference_form
from paredown.graph.network import Network
from paredown.targets.onnx.direct import translate
from paredown.targets.onnx.exporter import export
from paredown.targets.onnx.half import rounded_once, store_half
from paredown.targets.onnx.int8 import store_int8
from paredown.targets.onnx.narrow import say_narrow
from paredown.targets.onnx.shortcuts import convolve_shortcuts
from paredown.targets.onnx.tidy import tidy

__all__ = ["OnnxModel", "onnx_model"]


@dataclasses.dataclass(frozen=True)
class OnnxModel:
    """A serialised model and the network it was made of.

    Attributes:
        data: the bytes of the file.
        stored: the network with batch norms folded and with biases as they are stored.
        quantized: whether some values are rounded.

    """

    data: bytes
    stored: Network
    quantized: bool


def onnx_model(network: Network) -> OnnxModel:
    """Fold, translate and serialise a network.

    Raises:
        LoweringError: an operator or a number format has no words in ONNX.

    """
    folded, _ = inference_form(network.copy().cpu())
    convolve_shortcuts(folded)
    rounded = fake_quantized(folded)
    round_biases(folded)
    said, halves = rounded_once(say_narrow(folded))
    pairs = fake_quantized(said)
    for entry in pairs:
        _settle(said, entry)
    model = translate(said) or export(said)
    tidy(model)
    if pairs:
        store_int8(model)
        tidy(model)
    store_half(model, halves)
    return OnnxModel(model.SerializeToString(deterministic=True), folded, bool(rounded or halves))


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
    scale, zero_point = tensor_of(module, entry.scale), tensor_of(module, entry.zero_point)
    if scale.ndim > 1:
        msg = (
            f"The value of node {entry.value.name!r} is rounded in groups; ONNX Runtime's 8-bit kernels take one scale, "
            "or one per channel. Quantize it with quantize.Int8()."
        )
        raise LoweringError(msg)
    scale, zero_point = effective(scale, zero_point, entry.quant_min, entry.quant_max)
    if weight and entry.quant_max < limits.max:  # stored in more bits, whose limits would clip elsewhere
        value, ends = tensor_of(module, str(entry.value.target)), (entry.quant_min, entry.quant_max)
        _replace(module, str(entry.value.target), fake_quantize(value, scale, zero_point, entry.axis, *ends).detach())
    _replace(module, entry.scale, scale)
    _replace(module, entry.zero_point, zero_point.to(form))


def _replace(module: torch.fx.GraphModule, name: str, value: torch.Tensor) -> None:
    owner, _, leaf = name.rpartition(".")
    parent = module.get_submodule(owner)
    delattr(parent, leaf)
    parent.register_buffer(leaf, value)
