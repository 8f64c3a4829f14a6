"""Derivatives with respect to the inputs."""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from paredown.errors import RecipeError
from paredown.graph.structure import flatten
from paredown.recipe import batch
from paredown.recipe.ingredient import TrainContext

__all__ = ["Forward", "require", "square"]

Forward = Callable[[Any], Any]
"""Runs the student in the mode it is in, in float32 whatever the training's precision: inputs to outputs."""


def square(forward: Forward, inputs: Any, value: Callable[[Any], torch.Tensor]) -> torch.Tensor:
    """Sum over real inputs and examples of the squared derivative of one number, itself differentiable.

    Args:
        forward: inputs to outputs.
        inputs: tensor, tuple or dict with at least one real tensor.
        value: the number, from the outputs.

    """
    tensors, structure = flatten(inputs)
    tensors = [t.detach().requires_grad_() if t.dtype.is_floating_point else t for t in tensors]
    with sdpa_kernel(SDPBackend.MATH):  # the fused kernels have no second derivative
        number = value(forward(structure.build(tensors)))
        real = [tensor for tensor in tensors if tensor.requires_grad]
        slopes = torch.autograd.grad(number, real, create_graph=True, materialize_grads=True)
    return torch.stack([slope.float().square().sum() for slope in slopes]).sum()


def require(context: TrainContext, who: str) -> Forward:
    """The student as a function whose derivatives can be differentiated again.

    Raises:
        RecipeError: no input is made of real numbers, the outputs are no single tensor, or an operator has no second
            derivative.

    """
    probe = context.probe()
    found = flatten(probe.inputs)[0]
    if not any(tensor.dtype.is_floating_point for tensor in found):
        kinds = ", ".join(sorted({str(tensor.dtype).removeprefix("torch.") for tensor in found}))
        msg = (
            f"{who} takes derivatives with respect to the inputs, and this task has inputs of type {kinds}. "
            "Leave it out of `using`; `regularize.EmbeddingNoise()` smooths networks of token ids."
        )
        raise RecipeError(msg)
    if not isinstance(probe.outputs, torch.Tensor):
        msg = f"{who} takes derivatives of one tensor, and the outputs are a {type(probe.outputs).__name__}. Leave it out."
        raise RecipeError(msg)

    def forward(inputs: Any) -> Any:
        return context.evidence.objective.outputs(batch.call(context.network, inputs))

    context.network.eval()
    try:
        with torch.enable_grad():
            penalty = square(forward, probe.inputs, lambda outputs: outputs.float().square().sum())
            torch.autograd.grad(
                penalty, [p for p in context.network.parameters() if p.requires_grad], allow_unused=True
            )
    except RuntimeError as error:
        msg = (
            f"{who} differentiates twice, and an operator of this network has no second derivative "
            f"({str(error).splitlines()[0]}). Leave it out of `using`."
        )
        raise RecipeError(msg) from error
    finally:
        context.network.train()
    return forward
