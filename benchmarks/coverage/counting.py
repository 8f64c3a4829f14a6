"""Counting by plain tensors and torch's own counter, so that no tool counts its own work."""

import contextlib
import copy
from collections.abc import Mapping

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from paredown.graph.network import Network

__all__ = ["changed_share", "macs", "parameters", "sizes", "unchanged"]


def parameters(model: nn.Module) -> int:
    """Numbers in all parameters, tied ones once."""
    return sum(parameter.numel() for parameter in model.parameters())


def macs(model: nn.Module, example: torch.Tensor) -> int:
    """Multiply-accumulates of one example: half of what ``torch.utils.flop_counter`` finds.

    Attention is computed in its written-out form and recurrence without oneDNN, for the counter has no formula for the
    fused operators of the CPU.
    """
    counter = FlopCounterMode(display=False)
    plain = torch.backends.mkldnn.flags(enabled=False) if _recurrent(model) else contextlib.nullcontext()
    frozen = copy.deepcopy(model).requires_grad_(False)  # the counter's hooks refuse parameters without a history
    with sdpa_kernel(SDPBackend.MATH), counter, plain:
        frozen(example[:1])
    return counter.get_total_flops() // 2


def _recurrent(model: nn.Module) -> bool:
    if isinstance(model, Network):
        return any("aten.lstm" in str(node.target) or "aten.gru" in str(node.target) for node in model.nodes())
    return any(isinstance(module, nn.RNNBase) for module in model.modules())


def sizes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """Shape of every parameter by name, under all its names."""
    return {name: tuple(p.shape) for name, p in model.named_parameters(remove_duplicate=False)}


def unchanged(
    model: nn.Module, after: Mapping[str, tuple[int, ...]], unused: frozenset[str] = frozenset()
) -> dict[str, int]:
    """Parameters that have the same shape after every free group was halved, with their entries.

    Args:
        model: the original.
        after: shapes after the cut.
        unused: names of parameters that no output depends on.

    """
    return {
        name: parameter.numel()
        for name, parameter in model.named_parameters()
        if name not in unused and after.get(name, tuple(parameter.shape)) == tuple(parameter.shape)
    }


def changed_share(model: nn.Module, same: Mapping[str, int], unused: frozenset[str] = frozenset()) -> float:
    """Share of parameter entries in tensors that became smaller."""
    total = sum(p.numel() for name, p in model.named_parameters() if name not in unused)
    return 1.0 - sum(same.values()) / total if total else 0.0
