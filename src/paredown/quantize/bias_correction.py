"""The mean that rounding shifts, given back."""

import dataclasses
from typing import TYPE_CHECKING

import torch
from torch import fx

from paredown.graph.fakequantize import tensor_of
from paredown.graph.network import Network
from paredown.quantize.refinement import Refined, Refinement
from paredown.quantize.segment import Layer, Problem, batches, layers, march
from paredown.quantize.sharing import Sharing
from paredown.recipe.settings import whole

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["BiasCorrection"]

_BATCH = 32


@dataclasses.dataclass(frozen=True)
class BiasCorrection(Refinement):
    """Add to each bias what rounding took from the mean of its channel: ``b + E[y] - E[y_rounded]``.

    Layer after layer, in order of execution and before activations, so that what was corrected earlier is taken into
    account (the empirical form; the errors of inputs are made up for too). It costs nothing in the file. A layer
    without a bias is given none, for that would cost time.

    Nagel, van Baalen, Blankevoort, Welling: "Data-free quantization through weight equalization and bias correction",
    ICCV 2019, arXiv:1906.04721, section 4.2 and appendix D.

    Attributes:
        examples: of the calibration split. Their values at one place of the network are held in memory.

    """

    examples: int = 512

    def __post_init__(self) -> None:
        whole(self, "examples")

    def refine(self, original: Network, rounded: Network, evidence: "Evidence") -> Refined:
        """Correct one layer after the other."""
        own = _own_biases(rounded)
        segments = [layer.stretch(activation=False) for layer in layers(rounded) if layer.node in own]
        given = batches(evidence, rounded, self.examples, _BATCH)
        values = {}
        for problem in march(original, rounded, segments, given):
            layer = problem.segment.layers[0]
            bias = tensor_of(rounded.graph_module, own[layer.node])
            with torch.no_grad():
                bias += _shift(problem, layer)
            values[own[layer.node]] = bias.detach().clone()
        return Refined(values, f"BiasCorrection gave {len(values)} layers back the mean that rounding shifts.")


def _own_biases(rounded: Network) -> dict[fx.Node, str]:
    """Names of the biases that one layer alone reads, by layer."""
    sharing = Sharing(rounded)
    given = {layer.node: layer.node.args[2] for layer in layers(rounded) if len(layer.node.args) > 2}
    return {node: str(bias.target) for node, bias in given.items() if isinstance(bias, fx.Node) and sharing.alone(bias)}


@torch.no_grad()
def _shift(problem: Problem, layer: Layer) -> torch.Tensor:
    """By how much the means of the channels differ from those of the float network."""
    totals, count = [], 0
    for inputs, target in zip(problem.inputs, problem.targets, strict=True):
        lost = (target - problem.segment.run(inputs)).double().movedim(layer.channels, 0).flatten(1)
        totals.append(lost.sum(1))
        count += lost.shape[1]
    return (torch.stack(totals).sum(0) / count).float()
