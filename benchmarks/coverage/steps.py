"""One optimizer step, in float32 and in bfloat16."""

from typing import Any

import torch
from torch import nn

__all__ = ["step"]


def step(model: nn.Module, example: torch.Tensor, dtype: torch.dtype = torch.float32) -> frozenset[str]:
    """Train a model for one step on ``mean(output ** 2)``; the model is changed.

    Args:
        model: in float32.
        example: a batch of two.
        dtype: what model and example are converted to.

    Returns:
        Names of the parameters without a gradient.

    Raises:
        ArithmeticError: a loss or a gradient is not finite.
        RuntimeError: torch refuses the step.

    """
    model = model.to(dtype).train()
    example = example.to(dtype) if example.is_floating_point() else example
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    output: Any = model(example)
    loss = output.float().square().mean()
    loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    if not all(bool(g.isfinite().all()) for g in (loss, *gradients.values()) if g is not None):
        msg = f"loss {loss.item()}, or a gradient, is not finite"
        raise ArithmeticError(msg)
    optimizer.step()
    return frozenset(name for name, gradient in gradients.items() if gradient is None)
