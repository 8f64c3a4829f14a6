"""Gradients, held to a norm."""

from collections.abc import Sequence

import torch
from torch import nn

__all__ = ["clip"]

_EPSILON = 1e-6  # as in torch


@torch.no_grad()
def clip(parameters: Sequence[nn.Parameter], limit: float) -> None:
    """Do what ``torch.nn.utils.clip_grad_norm_`` does, without sorting the gradients by device and type.

    Args:
        parameters: those of one device; the ones without a gradient are left alone.
        limit: largest norm of all gradients together. Where it is kept already nothing is multiplied on the CPU; on other
            devices looking would make this process wait.

    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not gradients:
        return
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    if norm.device.type == "cpu" and norm.item() + _EPSILON <= limit:
        return
    torch._foreach_mul_(gradients, torch.clamp(limit / (norm + _EPSILON), max=1.0))
