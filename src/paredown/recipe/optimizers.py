"""Optimizers as settings, and which parameters they treat how."""

import dataclasses
import math
from typing import Any, Protocol

import torch
from torch import fx, nn

from paredown.graph.network import Network
from paredown.recipe.settings import above_zero, at_least_zero, flags, require, whole

__all__ = ["SGD", "AdamW", "Auto", "Optimizer", "decaying", "groups"]

_NORMS = ("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm")


@dataclasses.dataclass(frozen=True)
class Auto:
    """Find the learning rate by a short range test on the training data (`paredown.recipe.range_test`).

    Attributes:
        steps: length of the test; it runs on a scratch copy.

    """

    steps: int = 25

    def __post_init__(self) -> None:
        what = "a whole number, 5 or more: a shorter test does not see the loss turn"
        whole(self, "steps", least=5, what=what)


class Optimizer(Protocol):
    """Settings that can make a torch optimizer."""

    @property
    def lr(self) -> float | Auto:
        """Highest learning rate, or how to find it."""

    @property
    def weight_decay(self) -> float:
        """Decay of weights; see `decaying` for what counts as one."""

    @property
    def span(self) -> tuple[float, float]:
        """Learning rates between which a range test looks."""

    def build(self, parameters: list[dict[str, Any]], *, fused: bool) -> torch.optim.Optimizer:
        """Make the optimizer for groups as `groups` gives them."""


def _check(optimizer: "AdamW | SGD") -> None:
    if not isinstance(optimizer.lr, Auto):
        name = type(optimizer).__name__
        what, instead = "a learning rate above 0, or `Auto()`", f"Write `{name}(lr=1e-3)` or `{name}()`."
        require(lambda lr: 0 < lr < math.inf, optimizer, "lr", what, instead)
    at_least_zero(optimizer, "weight_decay")


@dataclasses.dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv:1711.05101).

    Attributes:
        lr: highest learning rate.
        betas: decay of the two running means.
        eps: added to the denominator.
        weight_decay: per step and unit of learning rate.

    """

    lr: float | Auto = Auto()
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        _check(self)
        what = "two shares that are kept, from 0 to below 1"
        require(lambda betas: len(betas) == 2 and all(0 <= beta < 1 for beta in betas), self, "betas", what)
        above_zero(self, "eps")

    @property
    def span(self) -> tuple[float, float]:
        """Learning rates between which a range test looks."""
        return (1e-6, 1e-1)

    def build(self, parameters: list[dict[str, Any]], *, fused: bool) -> torch.optim.Optimizer:
        """Make the optimizer for groups as `groups` gives them."""
        return torch.optim.AdamW(parameters, lr=1e-3, betas=self.betas, eps=self.eps, weight_decay=0.0, fused=fused)


@dataclasses.dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum.

    Attributes:
        lr: highest learning rate.
        momentum: share of the last step that is kept.
        nesterov: look ahead by that share.
        weight_decay: L2 penalty on the weights.

    """

    lr: float | Auto = Auto()
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4

    def __post_init__(self) -> None:
        _check(self)
        require(lambda momentum: 0.0 <= momentum < 1.0, self, "momentum", "from 0 to below 1")
        flags(self, "nesterov")

    @property
    def span(self) -> tuple[float, float]:
        """Learning rates between which a range test looks."""
        return (1e-5, 1e1)

    def build(self, parameters: list[dict[str, Any]], *, fused: bool) -> torch.optim.Optimizer:
        """Make the optimizer for groups as `groups` gives them."""
        nesterov = self.nesterov and self.momentum > 0
        return torch.optim.SGD(parameters, lr=0.1, momentum=self.momentum, nesterov=nesterov, fused=fused)


def _uses(network: Network, name: str) -> list[tuple[fx.Node, int]]:
    """Operators that read a parameter, with the position at which they do."""
    return [
        (user, user.args.index(node))
        for node in network.nodes()
        if node.op == "get_attr" and str(node.target) == name
        for user in node.users
        if node in user.args
    ]


def _operator(node: fx.Node) -> str:
    return str(node.target).removeprefix("aten.").removeprefix("paredown.").partition(".")[0]


def _quantizer(network: Network, name: str) -> bool:
    return any(_operator(node) == "fake_quantize" and position > 0 for node, position in _uses(network, name))


def decaying(network: Network) -> dict[str, nn.Parameter]:
    """Parameters that weight decay is for: weights of two or more real dimensions.

    Biases, scales and offsets of normalisation, layer scale, class tokens and the scales of quantizers are left
    alone: pulling them to zero does not make a network simpler.
    """
    return {
        name: parameter
        for name, parameter in network.named_parameters()
        if parameter.requires_grad
        and sum(size > 1 for size in parameter.shape) > 1
        and not any(_operator(node) in _NORMS and position > 0 for node, position in _uses(network, name))
        and not _quantizer(network, name)
    }


def groups(network: Network, weight_decay: float, others: tuple[nn.Module, ...] = ()) -> list[dict[str, Any]]:
    """Parameter groups for an optimizer, each with ``factor``, its share of the learning rate.

    Weights decay, the rest does not. Scales of quantizers move in proportion to their own size (in powers of two):
    a step of 0.001 is nothing to a weight and everything to a scale of 0.002.
    """
    weights = decaying(network)
    plain: list[nn.Parameter] = [p for module in others for p in module.parameters() if p.requires_grad]
    scales: dict[int, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad or name in weights:
            continue
        size = float(parameter.detach().abs().mean())
        if _quantizer(network, name) and 0 < size < 1:
            scales.setdefault(round(math.log2(size)), []).append(parameter)
        else:
            plain.append(parameter)
    out = [
        {"params": list(weights.values()), "weight_decay": weight_decay, "factor": 1.0},
        {"params": plain, "weight_decay": 0.0, "factor": 1.0},
        *({"params": scales[power], "weight_decay": 0.0, "factor": 2.0**power} for power in sorted(scales)),
    ]
    return [group for group in out if group["params"]]
