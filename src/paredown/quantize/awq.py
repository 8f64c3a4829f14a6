"""Inputs that matter made larger before their weights are rounded."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import torch

from paredown.errors import RecipeError
from paredown.graph.inference import inference_form
from paredown.graph.network import Network
from paredown.quantize.refining import refuse_quantized
from paredown.quantize.scalable import Scalable, chains, norms
from paredown.quantize.stored import Stored
from paredown.quantize.weight_only import WeightOnly
from paredown.recipe.plan import Plan
from paredown.recipe.settings import whole
from paredown.recipe.title import title
from paredown.recipe.transform import Transform

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["AWQ"]

_SMALLEST = 1e-4


@dataclasses.dataclass(frozen=True)
class AWQ(Transform):
    """Multiply the weights of an input by ``s_j``, round, and divide what comes in by it: activation-aware rounding.

    ``s = mean|X|^alpha``, divided by ``sqrt(max s min s)``, with the alpha from 0 to 1 that makes
    ``|| (Q(W s) / s - W) X ||^2`` least over the calibration data and over all layers that read X; alpha 0 is `of` alone.
    The division goes into what makes X, where that can be: a layer norm or RMS norm, or a linear layer whose channels
    arrive unchanged or through ReLU, a gate or attention. Other layers are rounded as they are. The file is no larger.

    Lin, Tang, Tang, Yang, Chen, Wang, Xiao, Dang, Gan, Han: "AWQ: activation-aware weight quantization for on-device LLM
    compression and acceleration", MLSys 2024, arXiv:2306.00978, equations 4 and 5.

    Attributes:
        of: how weights are rounded then.
        steps: how many alphas are tried.

    Raises:
        RecipeError: `of` rounds no weights in groups, or fewer than two steps.

    """

    of: WeightOnly = WeightOnly()  # noqa: RUF009 (a frozen value)
    steps: int = 20

    def __post_init__(self) -> None:
        others: list[object] = [thing for thing in (self.of,) if not isinstance(thing, WeightOnly)]
        if others:
            msg = f"AWQ(of=...) was given {title(others[0])}; it scales what WeightOnly rounds. Type AWQ(of=WeightOnly(bits=4))."
            raise RecipeError(msg)
        whole(self, "steps", least=2)

    def plan(self, network: Network, evidence: "Evidence") -> Plan:
        """Choose factors on the calibration data, then plan the rounding of the scaled network.

        Raises:
            RecipeError: there is no calibration data, it holds values that are not finite, or as `WeightOnly.plan`.

        """
        refuse_quantized(network, "AWQ")
        self.of.check_target(evidence.capabilities)
        folded, _ = inference_form(network)
        rounded = {
            user: stored
            for stored in self.of.places(folded, evidence.capabilities).found
            if stored.linear
            for user in stored.users
        }
        places = [place for place in (*norms(folded), *chains(folded)) if not rounded.keys().isdisjoint(place.readers)]
        moments = {place.value: _Moments(place.value) for place in places}
        evidence.observe(folded, moments)
        tensors: dict[str, torch.Tensor] = {}
        lost = plain = 0.0
        done = 0
        for place in places:
            if evidence.over():
                break
            evidence.progress.update(f"AWQ, {place.value}", done, len(places))
            layers = {name: weight for name, weight in _named(place, folded) if name in rounded}
            factor, error, without = self._search(layers, rounded, moments[place.value])
            tensors[f"{place.value}.factor"] = factor
            lost, plain, done = lost + error, plain + without, done + 1
        scaled = [place for place in places if f"{place.value}.factor" in tensors]
        found = self.of.plan(_scaled(folded, scaled, tensors), evidence)
        share = f"; their error is {lost / plain:.0%} of that without" if plain else ""
        readers = sum(len(place.readers) for place in scaled)
        return Plan(
            "quantize.AWQ",
            f"AWQ scaled {len(scaled)} values that {readers} linear layers read{share}. {found.reason}",
            {"scaled": [dataclasses.asdict(place) for place in scaled], "of": dict(found.decisions)},
            {**tensors, **found.tensors},
            complete=found.complete and done == len(places),
        )

    def apply(self, network: Network, plan: Plan) -> Network:
        """Scale what was planned in a copy, and round it."""
        folded, _ = inference_form(network)
        scaled = _scaled(folded, [Scalable(**entry) for entry in plan.decisions["scaled"]], plan.tensors)
        tensors = {name: tensor for name, tensor in plan.tensors.items() if not name.endswith(".factor")}
        return self.of.apply(scaled, Plan("quantize.WeightOnly", plan.reason, plan.decisions["of"], tensors))

    def check(self, state: frozenset[str]) -> str | None:
        """As `WeightOnly`."""
        return self.of.check(state)

    def after(self, state: frozenset[str]) -> frozenset[str]:
        """As `WeightOnly`."""
        return self.of.after(state)

    def _search(
        self, layers: dict[str, torch.Tensor], rounded: dict[str, Stored], moments: "_Moments"
    ) -> tuple[torch.Tensor, float, float]:
        """The best factor, the squared error with it, and that without."""
        size = moments.mean.clamp_min(_SMALLEST)
        errors: list[float] = []
        factors: list[torch.Tensor] = []
        for step in range(self.steps):
            factor = size ** (step / (self.steps - 1))
            factor = (factor / (factor.max() * factor.min()).sqrt()).float().cpu()
            total = 0.0
            for name, weight in layers.items():
                here = factor.to(weight.device)
                wrong = (self.of.rounded(weight * here, rounded[name]) / here - weight).double()
                total += float(((wrong @ moments.square.to(wrong.device)) * wrong).sum())
            factors.append(factor)
            errors.append(total)
        best = min(range(self.steps), key=errors.__getitem__)
        return factors[best], errors[best], errors[0]


class _Moments:
    """Mean absolute value of each channel, and the products of channels, over all places."""

    def __init__(self, name: str) -> None:
        self._name, self._count = name, 0
        self._sum = self._square = torch.zeros((), dtype=torch.float64)

    def __call__(self, values: torch.Tensor) -> None:
        if not values.isfinite().all():
            msg = (
                f"The value of node {self._name!r} is not finite on the calibration data, so its channels cannot be "
                "weighed. Look for NaN or infinity in the data (`task.check()` finds them) and in the model's weights."
            )
            raise RecipeError(msg)
        rows = values.detach().flatten(0, -2).double()
        self._sum = self._sum.to(rows.device) + rows.abs().sum(0)
        self._square = self._square.to(rows.device) + rows.T @ rows
        self._count += len(rows)

    @property
    def mean(self) -> torch.Tensor:
        """Of the absolute values, ``[channels]``."""
        return self._sum / self._count

    @property
    def square(self) -> torch.Tensor:
        """``X X^T`` over the number of places, ``[channels, channels]``."""
        return self._square / self._count


def _named(place: Scalable, network: Network) -> Iterator[tuple[str, torch.Tensor]]:
    yield from zip(place.readers, place.weights(network), strict=True)


def _scaled(folded: Network, places: list[Scalable], tensors: Mapping[str, torch.Tensor]) -> Network:
    network = folded.copy()
    for place in places:
        place.scale(network, tensors[f"{place.value}.factor"])
    return network
