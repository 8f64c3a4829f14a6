"""Steps from the worst place nearby."""

import abc
import dataclasses

import torch
from torch import nn

from paredown.graph.fakequantize import fake_quantized
from paredown.graph.network import Network
from paredown.recipe.ingredient import Hook, Ingredient, TrainContext, Update
from paredown.recipe.settings import above_zero, at_least_zero

__all__ = ["ASAM", "SAM"]

_Tensors = list[torch.Tensor] | tuple[torch.Tensor, ...]


@dataclasses.dataclass(frozen=True)
class SAM(Ingredient):
    """Step along the gradient at the worst weights within a ball (Foret et al. 2021, arXiv:2010.01412, equation 2).

    With g the gradient at the weights w, the step uses the gradient at ``w + radius * g / ||g||``; the norm is taken
    over all weights together. A step costs two forward and backward passes. Statistics of batch norm are those of the
    first pass, at w. Scales of quantizers stay where they are. Ingredients that change gradients come after this one.

    Attributes:
        radius: of the ball, in units of the weights, above 0.

    """

    radius: float = 0.05

    def __post_init__(self) -> None:
        above_zero(self, "radius", what="a distance above 0")

    def start(self, context: TrainContext) -> Hook:
        """Find the weights."""
        return _Sharpness(_movable(context.network), _Ball(self.radius))


@dataclasses.dataclass(frozen=True)
class ASAM(Ingredient):
    """SAM in a ball that scales with the weights (Kwon et al. 2021, arXiv:2102.11600, equation 8).

    With ``T = |w| + offset``, weight by weight, the step uses the gradient at ``w + radius * T² g / ||T g||``, so that
    scaling a layer up and the next one down changes nothing. Otherwise as `SAM`.

    Attributes:
        radius: of the ball, as a share of the weights, above 0.
        offset: added to every absolute weight, so that weights of 0 move too; 0 or more.

    """

    radius: float = 0.5
    offset: float = 0.01

    def __post_init__(self) -> None:
        above_zero(self, "radius", what="a distance above 0")
        at_least_zero(self, "offset")

    def start(self, context: TrainContext) -> Hook:
        """Find the weights."""
        return _Sharpness(_movable(context.network), _Adaptive(self.radius, self.offset))


class _Neighbourhood(abc.ABC):
    @abc.abstractmethod
    def ascent(self, weights: _Tensors, gradients: _Tensors) -> _Tensors:
        """What to add to every weight to get to the worst place nearby, to first order."""


class _Ball(_Neighbourhood):
    def __init__(self, radius: float) -> None:
        self._radius = radius

    def ascent(self, weights: _Tensors, gradients: _Tensors) -> _Tensors:  # noqa: ARG002
        return _scaled(gradients, self._radius / _norm(gradients))


class _Adaptive(_Neighbourhood):
    def __init__(self, radius: float, offset: float) -> None:
        self._radius = radius
        self._offset = offset

    def ascent(self, weights: _Tensors, gradients: _Tensors) -> _Tensors:
        scales = torch._foreach_add(torch._foreach_abs(weights), self._offset)
        slopes = torch._foreach_mul(scales, gradients)
        return _scaled(torch._foreach_mul(scales, slopes), self._radius / _norm(slopes))


class _Sharpness(Hook):
    def __init__(self, weights: tuple[nn.Parameter, ...], neighbourhood: _Neighbourhood) -> None:
        self._weights = weights
        self._neighbourhood = neighbourhood

    def before_step(self, update: Update) -> None:
        weights = [weight.detach() for weight in self._weights if weight.grad is not None]
        gradients = [weight.grad for weight in self._weights if weight.grad is not None]
        kept = [(tensor, tensor.clone()) for tensor in (*weights, *update.network.buffers())]
        torch._foreach_add_(weights, self._neighbourhood.ascent(weights, gradients))
        update.again()
        for tensor, before in kept:
            tensor.copy_(before)


def _movable(network: Network) -> tuple[nn.Parameter, ...]:
    scales = {entry.scale for entry in fake_quantized(network)}
    return tuple(p for name, p in network.named_parameters() if p.requires_grad and name not in scales)


def _norm(tensors: _Tensors) -> torch.Tensor:
    """Of all numbers together; never 0."""
    length: torch.Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(tensors)))
    return length.clamp_min(torch.finfo(torch.float32).tiny)


def _scaled(tensors: _Tensors, factor: torch.Tensor) -> _Tensors:
    return torch._foreach_mul(tensors, factor)
