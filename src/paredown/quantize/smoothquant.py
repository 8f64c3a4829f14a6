"""Outliers of activations moved into the weights that read them."""

import dataclasses
from typing import TYPE_CHECKING

import torch

from paredown.errors import RecipeError
from paredown.graph.fakequantize import fake_quantized
from paredown.graph.inference import linear_form
from paredown.graph.network import Network
from paredown.quantize.scalable import Scalable, norms
from paredown.recipe.plan import Plan
from paredown.recipe.settings import require
from paredown.recipe.transform import Transform

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["SmoothQuant"]

_SMALLEST = 1e-5


@dataclasses.dataclass(frozen=True)
class SmoothQuant(Transform):
    """Divide what a normalisation gives by a factor per channel, and multiply the weights that read it.

    ``s_j = max|X_j|^alpha / max|W_j|^(1 - alpha)``, over the calibration data and over all linear layers that read the
    normalisation: its weight and bias become ``/ s``, column j of theirs ``* s_j``. The network computes what it
    computed, but a few channels with large values no longer set the step for all. Layer norms and RMS norms that linear
    layers alone read are smoothed; others are left as they are. Put it before `Int8`.

    Xiao, Lin, Seznec, Wu, Demouth, Han: "SmoothQuant: accurate and efficient post-training quantization for large
    language models", ICML 2023, arXiv:2211.10438, equation 4.

    Attributes:
        alpha: share of the difficulty that moves into the weights, 0 to 1.

    Raises:
        RecipeError: a share outside 0 ... 1.

    """

    alpha: float = 0.5

    def __post_init__(self) -> None:
        require(lambda alpha: 0.0 <= alpha <= 1.0, self, "alpha", "a share from 0 to 1")

    def plan(self, network: Network, evidence: "Evidence") -> Plan:
        """Look at the activations and choose the factors.

        Raises:
            RecipeError: the network is quantized already, or there is something to smooth and no calibration data.

        """
        if already := fake_quantized(network):
            msg = (
                f"SmoothQuant() was given a network that is quantized already ({len(already)} rounded values, the first "
                f"{already[0].value.name!r}). Its ranges belong to the scales it has. Put the step before Int8()."
            )
            raise RecipeError(msg)
        network = linear_form(network)
        found = norms(network)
        largest: dict[str, torch.Tensor] = {}
        if found:
            evidence.observe(network, {norm.value: _Largest(largest, norm.value) for norm in found})
        tensors = {}
        for norm in found:
            columns = torch.stack([weight.abs().amax(0) for weight in norm.weights(network)]).amax(0)
            values = largest[norm.value].cpu().double().clamp(min=_SMALLEST)
            factor = values**self.alpha / columns.double().clamp(min=_SMALLEST) ** (1.0 - self.alpha)
            tensors[f"{norm.value}.factor"] = factor.clamp(min=_SMALLEST).float()
        layers = sum(len(norm.readers) for norm in found)
        return Plan(
            "quantize.SmoothQuant",
            f"{len(found)} normalisations before {layers} linear layers were smoothed."
            if found
            else "No normalisation is read by linear layers alone: there is nothing to smooth.",
            {"norms": [dataclasses.asdict(norm) for norm in found]},
            tensors,
        )

    def apply(self, network: Network, plan: Plan) -> Network:
        """Scale normalisations and weights in a copy."""
        network = linear_form(network)
        for entry in plan.decisions["norms"]:
            norm = Scalable(**entry)
            norm.scale(network, plan.tensors[f"{norm.value}.factor"])
        return network

    def check(self, state: frozenset[str]) -> str | None:
        """Ranges are chosen for the scales that activations have."""
        return "the network is quantized already, with ranges for the scales it has" if "quantized" in state else None


class _Largest:
    """Keeps the largest absolute value of each channel, the last axis."""

    def __init__(self, found: dict[str, torch.Tensor], name: str) -> None:
        self._found, self._name = found, name

    def __call__(self, values: torch.Tensor) -> None:
        if not values.isfinite().all():
            msg = (
                f"The value of node {self._name!r} is not finite on the calibration data, so it cannot be smoothed. "
                "Look for NaN or infinity in the data (`task.check()` finds them) and in the model's weights."
            )
            raise RecipeError(msg)
        largest = values.detach().abs().flatten(0, -2).amax(0)
        known = self._found.get(self._name)
        self._found[self._name] = largest if known is None else torch.maximum(largest, known)
