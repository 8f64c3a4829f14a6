"""Unstructured pruning: single weights become 0 and stay 0."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from paredown.errors import InputError, RecipeError
from paredown.graph.fakequantize import fake_quantized
from paredown.graph.network import Network
from paredown.graph.sparsity import mark_sparse
from paredown.graph.statistics import reestimate, write_statistics
from paredown.prune.sparse.layers import find
from paredown.prune.sparse.magnitude import Magnitude
from paredown.prune.sparse.masking import Masked, Masking
from paredown.prune.sparse.pattern import Pattern, Unstructured
from paredown.prune.where import Where
from paredown.recipe.plan import Plan
from paredown.recipe.transform import Transform

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Weights"]

_EXAMPLES = 1024
_MASK = ".mask"
_VALUES = ".values"


@dataclasses.dataclass(frozen=True)
class Weights(Transform):
    """Set single weights of convolutions and linear layers to 0.

    Nothing gets smaller: the file holds the zeros, compresses better, and takes as long as before unless the runtime
    has kernels for the pattern (see PD112). For speed cut `Channels`. Zeros stay through later training and rounding;
    a second `Weights` can only add to them. The plan holds a mask per weight, the new values where the method changes
    them, and where the evidence has data re-estimated statistics of batch norms.

    Attributes:
        pattern: how many weights go, and which ones may go together.
        method: what chooses them.
        where: which layers, by module path or name of the weight.

    """

    pattern: Pattern = dataclasses.field(default_factory=Unstructured)
    method: Masking = dataclasses.field(default_factory=Magnitude)
    where: Where = dataclasses.field(default_factory=Where)

    def plan(self, network: Network, evidence: "Evidence") -> Plan:
        """Choose the weights.

        Raises:
            RecipeError: the network is quantized, `where` meets nothing, nothing fits the pattern, a weight is not
                finite, or the method needs data.

        """
        if rounded := fake_quantized(network):
            raise RecipeError(_quantized(len(rounded)))
        layers, left = find(network, self.where, self.pattern)
        for layer in layers:
            if not layer.weight.isfinite().all():
                msg = (
                    f"The weight {layer.name!r} holds values that are not finite, so its weights cannot be ranked. "
                    "Look at the training that made it; its loss was not finite either."
                )
                raise RecipeError(msg)
        masked = self.method.choose(network, layers, self.pattern, evidence)
        tensors = _tensors(masked)
        decisions = {"weights": [layer.name for layer in layers], "dense": dict(sorted(left.items())), "statistics": []}
        zeros = sum(int((~made.keep).sum()) for made in masked.values())
        every = sum(layer.weight.numel() for layer in layers)
        reason = (
            f"{type(self.method).__name__}, {self.pattern}: {zeros} of {every} weights in {len(layers)} layers are 0 "
            f"({zeros / every:.1%}), {len(left)} layers stay dense."
        )
        plan = Plan("prune.Weights", reason, decisions, tensors)
        statistics = self._statistics(network, plan, evidence)
        return dataclasses.replace(
            plan, decisions={**decisions, "statistics": sorted(statistics)}, tensors={**tensors, **statistics}
        )

    def _statistics(self, network: Network, plan: Plan, evidence: "Evidence") -> dict[str, torch.Tensor]:
        if evidence._work is None:
            return {}
        scratch = self.apply(network, plan).eval().to(evidence.device)
        statistics = reestimate(scratch, evidence.calibration(_EXAMPLES, scratch))
        return {name: tensor.cpu() for name, tensor in statistics.items()}

    def apply(self, network: Network, plan: Plan) -> Network:
        """Write zeros into a copy, and say that they stay.

        Raises:
            InputError: the plan was made for another network.

        """
        network = network.copy()
        weights = dict(network.named_parameters())
        for name in plan.decisions["weights"]:
            keep = plan.tensors[f"{name}{_MASK}"]
            if name not in weights or weights[name].shape != keep.shape:
                raise InputError(_another(name, weights, keep))
            with torch.no_grad():
                keep = keep.to(weights[name].device)
                values = plan.tensors.get(f"{name}{_VALUES}", weights[name]).to(weights[name])
                weights[name].copy_(values.where(keep, 0.0))
        mark_sparse(network, plan.decisions["weights"])
        return write_statistics(network, {name: plan.tensors[name] for name in plan.decisions["statistics"]})

    def check(self, state: frozenset[str]) -> str | None:
        """Weights are chosen before they are rounded."""
        return "weights are made sparse before they are rounded" if "quantized" in state else None

    def after(self, state: frozenset[str]) -> frozenset[str]:
        """Where neighbours were decided on together, they have to stay neighbours."""
        return state if self.pattern.run is None else state | {"patterned"}


def _tensors(masked: Mapping[str, Masked]) -> dict[str, torch.Tensor]:
    masks = {f"{name}{_MASK}": made.keep.cpu() for name, made in masked.items()}
    values = {f"{name}{_VALUES}": made.weight.cpu() for name, made in masked.items() if made.weight is not None}
    return masks | values


def _quantized(count: int) -> str:
    return (
        f"Weights() was given a network that is quantized already ({count} rounded values). Weights are made sparse "
        "before they are rounded; zeros stay zeros. Put prune.Weights before quantize.Int8."
    )


def _another(name: str, weights: Mapping[str, torch.Tensor], keep: torch.Tensor) -> str:
    found = f"is {list(weights[name].shape)} here" if name in weights else "is not in this network"
    return (
        f"The plan has a mask for {name!r} of shape {list(keep.shape)}, and that weight {found}. A plan is for the network "
        "it was made for. Plan again: step.on(network)."
    )
