"""Models that cannot become a graph as they are, told before any work."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from paredown.errors import CaptureError

__all__ = ["refuse_unready"]


def refuse_unready(model: nn.Module) -> None:
    """Raise where operators or weights of a model are out of sight.

    Raises:
        CaptureError: a module is scripted, traced, quantized by torch, lazy and never run, or without data.

    """
    for path, module in model.named_modules():
        for found, what, remedy in _KINDS:
            if found(module):
                where = f"its module {path!r} is" if path else "it is"
                msg = f"{type(model).__name__} cannot be captured: {where} {what}. {remedy}"
                raise CaptureError(msg)


def _scripted(module: nn.Module) -> bool:
    return isinstance(module, torch.jit.ScriptModule)


def _packed(module: nn.Module) -> bool:
    return type(module).__module__.startswith(("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized"))


def _lazy(module: nn.Module) -> bool:
    own = [*module._parameters.values(), *module._buffers.values()]
    return any(isinstance(tensor, (UninitializedParameter, UninitializedBuffer)) for tensor in own)


def _empty(module: nn.Module) -> bool:
    own = [*module._parameters.values(), *module._buffers.values()]
    return any(tensor is not None and tensor.is_meta for tensor in own)


_KINDS: tuple[tuple[Callable[[nn.Module], bool], str, str], ...] = (
    (
        _scripted,
        "scripted or traced (torch.jit), which hides its operators",
        "Capture the Python module that it was made of, `module.load_state_dict(scripted.state_dict())`.",
    ),
    (
        _packed,
        "quantized by torch.ao, which hides its weights",
        "Capture the float model; `quantize.Int8()` and its siblings round it.",
    ),
    (
        _lazy,
        "lazy and was never run, so it has no weights yet",
        "Run the model once on an example, `model(example)`, and train it.",
    ),
    (
        _empty,
        "on the device meta, so it has no weights",
        "Load them: `model.to_empty(device='cpu')` and `model.load_state_dict(...)`.",
    ),
)
