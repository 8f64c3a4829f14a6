"""Rounding column by column, with the error given to the columns that are still to come."""

import dataclasses
from typing import TYPE_CHECKING

import torch

from paredown.graph.network import Network
from paredown.graph.patches import patches
from paredown.quantize.refinement import Refined, Refinement
from paredown.quantize.segment import Layer, batches, layers, march
from paredown.recipe.settings import part, whole

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["GPTQ"]

_BATCH = 32


@dataclasses.dataclass(frozen=True)
class GPTQ(Refinement):
    """Round the weights of each layer one input at a time; what is lost moves to the inputs that are not rounded yet.

    With the Hessian ``H = 2 X X^T`` of the layer's squared error and U the upper Cholesky factor of its inverse:
    ``e = (w_j - round(w_j)) / U_jj``, then ``w_k -= e U_jk`` for every later k. Inputs X are those of the rounded network
    on the calibration data; the inputs with the largest mean square go first. A convolution is a linear layer on patches.
    An output channel that comes out worse than rounded to nearest keeps that. No training: a factorisation per layer.

    Frantar, Ashkboos, Hoefler, Alistarh: "GPTQ: accurate post-training quantization for generative pre-trained
    transformers", ICLR 2023, arXiv:2210.17323.

    Attributes:
        damping: added to the diagonal of H, as a share of its mean.
        examples: of the calibration split. Their values at one place of the network are held in memory.

    """

    damping: float = 0.01
    examples: int = 512

    def __post_init__(self) -> None:
        part(self, "damping")
        whole(self, "examples")

    def refine(self, original: Network, rounded: Network, evidence: "Evidence") -> Refined:
        """Round one layer after the other."""
        given = batches(evidence, rounded, self.examples, _BATCH)
        segments = [layer.stretch(activation=False) for layer in layers(rounded)]
        values, lost, nearest = {}, 0.0, 0.0
        for problem in march(original, rounded, segments, given):
            layer = problem.segment.layers[0]
            source = layer.node.args[0]
            hessian = _hessian(layer, [inputs[source] for inputs in problem.inputs])  # type: ignore[index]
            weight, errors = _best(layer, hessian, self.damping)
            layer.write(weight)
            values[layer.name] = weight
            lost, nearest = lost + float(errors[0]), nearest + float(errors[1])
        share = lost / nearest if nearest else 1.0
        return Refined(
            values, f"GPTQ brought the error of {len(values)} layers to {share:.0%} of that of rounding to nearest."
        )


@torch.no_grad()
def _best(
    layer: Layer, hessian: torch.Tensor, damping: float
) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
    """The rounded weight, and the squared errors of it and of nearest rounding."""
    groups = hessian.shape[0]

    def rows(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.expand_as(layer.weight).double().reshape(groups, layer.weight.shape[0] // groups, -1)

    weight, (step, zero) = rows(layer.weight), map(rows, layer.grid())
    ends = layer.rounding.quant_min, layer.rounding.quant_max
    nearest = _round(weight, step, zero, ends)
    found = _columns(weight, step, zero, ends, _factor(hessian, damping))
    errors = [torch.einsum("gri,gij,grj->gr", w - weight, hessian, w - weight) for w in (found, nearest)]
    better = errors[0] < errors[1]
    chosen = torch.where(better[..., None], found, nearest).reshape(layer.weight.shape).to(layer.weight.dtype)
    return chosen, (torch.where(better, errors[0], errors[1]).sum(), errors[1].sum())


def _columns(
    weight: torch.Tensor, step: torch.Tensor, zero: torch.Tensor, ends: tuple[int, int], factor: "_Factor"
) -> torch.Tensor:
    """Round ``weight[groups, rows, inputs]`` input by input, in the factor's order; what is 0 exactly stays 0."""
    index = factor.order[:, None].expand_as(weight)
    rest, step, zero = (tensor.gather(2, index) for tensor in (weight, step, zero))
    found, zeros = torch.empty_like(rest), rest == 0.0
    for j in range(rest.shape[2]):
        found[:, :, j] = _round(rest[:, :, j], step[:, :, j], zero[:, :, j], ends).masked_fill(zeros[:, :, j], 0.0)
        lost = (rest[:, :, j] - found[:, :, j]) / factor.upper[:, j, j][:, None]
        rest[:, :, j:] -= lost[..., None] * factor.upper[:, j, j:][:, None]
    return torch.empty_like(found).scatter_(2, index, found)


def _round(value: torch.Tensor, step: torch.Tensor, zero: torch.Tensor, ends: tuple[int, int]) -> torch.Tensor:
    return (((value / step).round() + zero).clamp(*ends) - zero) * step


@dataclasses.dataclass(frozen=True)
class _Factor:
    """Order of the inputs, and the upper Cholesky factor of the inverse Hessian in that order."""

    order: torch.Tensor
    upper: torch.Tensor


def _factor(hessian: torch.Tensor, damping: float) -> _Factor:
    diagonal = hessian.diagonal(dim1=1, dim2=2)
    order = diagonal.argsort(dim=1, descending=True, stable=True)
    turned = hessian.gather(1, order[..., None].expand_as(hessian)).gather(2, order[:, None].expand_as(hessian))
    mean = diagonal.mean(1)
    mean = torch.where(mean > 0.0, mean, 1.0)  # nothing but zeros comes in: any rounding will do
    turned.diagonal(dim1=1, dim2=2).add_(damping * mean[:, None])
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(turned))
    return _Factor(order, torch.linalg.cholesky(inverse, upper=True))


@torch.no_grad()
def _hessian(layer: Layer, inputs: list[torch.Tensor]) -> torch.Tensor:
    """``2 X X^T`` over all positions, ``[groups, inputs, inputs]`` in double precision."""
    total = torch.zeros((), dtype=torch.float64)
    for values in inputs:
        seen = patches(layer.node, layer.weight.shape, values)
        total = total.to(seen.device) + 2.0 * torch.einsum("pgi,pgj->gij", seen, seen).double()
    return total
