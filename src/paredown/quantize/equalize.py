"""The ranges of neighbouring layers made equal, without changing what the network computes."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import torch
from torch import fx

from paredown.errors import RecipeError
from paredown.graph.fakequantize import fake_quantized
from paredown.graph.inference import inference_form
from paredown.graph.network import Network
from paredown.quantize.placement import CONVOLUTIONS, LINEAR
from paredown.quantize.sharing import Sharing
from paredown.recipe.plan import Plan
from paredown.recipe.settings import flags, whole
from paredown.recipe.transform import Transform

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Equalize"]

_aten = torch.ops.aten
_RELU = {_aten.relu.default, _aten.relu_.default}
_POINTWISE = _RELU | {_aten.leaky_relu.default, _aten.leaky_relu_.default, _aten.dropout.default}
_FLATTENS = {_aten.flatten.using_ints, _aten.view.default, _aten.reshape.default}
_POOLS = {
    _aten.max_pool1d.default,
    _aten.max_pool2d.default,
    _aten.avg_pool1d.default,
    _aten.avg_pool2d.default,
    _aten.adaptive_avg_pool1d.default,
    _aten.adaptive_avg_pool2d.default,
}
_DONE = 1e-3
_DEVIATIONS = 3.0


@dataclasses.dataclass(frozen=True)
class Equalize(Transform):
    """Scale the channels between two layers so that both weights have the same range in each of them.

    ``s_i = sqrt(r1_i r2_i) / r2_i`` with r1 and r2 the largest absolute weights that produce and read channel i;
    ``W1_i / s_i``, ``b1_i / s_i``, ``W2_i s_i``, over and over until nothing changes. Batch norms are folded first.
    Two layers are neighbours where only operators with ``f(s x) = s f(x)`` for each channel lie between them (ReLU and
    its leaky form, pooling, flattening) and nothing else reads what passes. No data is needed. Weights rounded per
    channel, as `Int8` does, gain nothing by it; activations gain where their channels differ because the weights do, and
    lose otherwise, so compare it with `Int8` alone.

    Nagel, van Baalen, Blankevoort, Welling: "Data-free quantization through weight equalization and bias correction",
    ICCV 2019, arXiv:1906.04721, sections 4.1.1 to 4.1.3.

    Attributes:
        absorb: move what a ReLU lets through nearly always into the next layer's bias: ``c = max(0, beta - 3 gamma)``
            of the batch norm before the ReLU. Exact for the 99.9 % of normally distributed values above c; only into
            layers without padding, for what is padded is 0 and not c.
        rounds: how often at most.

    Raises:
        RecipeError: fewer than one round.

    """

    absorb: bool = True
    rounds: int = 40

    def __post_init__(self) -> None:
        flags(self, "absorb")
        whole(self, "rounds")

    def plan(self, network: Network, evidence: "Evidence") -> Plan:  # noqa: ARG002 (weights say it all)
        """Find neighbours and their scales.

        Raises:
            RecipeError: the network is quantized already.

        """
        if already := fake_quantized(network):
            msg = (
                f"Equalize() was given a network that is quantized already ({len(already)} rounded values, the first "
                f"{already[0].value.name!r}). Its ranges belong to the scales it has. Put the step before Int8()."
            )
            raise RecipeError(msg)
        folded, norms = inference_form(network)
        pairs = list(_pairs(folded))
        factors = self._factors(folded, pairs)
        tensors = {f"{pair.first}.factor": factors[pair.first] for pair in pairs}
        if self.absorb:
            means = _normalised(network)
            for pair in pairs:
                if pair.absorbs and pair.first in means:
                    beta, gamma = means[pair.first]
                    surplus = (beta - _DEVIATIONS * gamma.abs()).clamp(min=0.0) / factors[pair.first]
                    if surplus.any():
                        tensors[f"{pair.first}.surplus"] = surplus
        widest = max((float(factor.max() / factor.min()) for factor in factors.values()), default=1.0)
        absorbed = sum(name.endswith(".surplus") for name in tensors)
        return Plan(
            "quantize.Equalize",
            f"{len(pairs)} pairs of layers were equalized (factors of one pair differ by up to {widest:.3g}), "
            f"{absorbed} absorbed a surplus, {len(norms)} batch norms were folded.",
            {"pairs": [dataclasses.asdict(pair) for pair in pairs]},
            tensors,
        )

    def apply(self, network: Network, plan: Plan) -> Network:
        """Fold batch norms and scale weights and biases."""
        network, _ = inference_form(network)
        nodes = {node.name: node for node in network.nodes()}
        with torch.no_grad():
            for entry in plan.decisions["pairs"]:
                pair = _Pair(**entry)
                first, second = _Weights(network, nodes[pair.first]), _Weights(network, nodes[pair.second])
                factor = plan.tensors[f"{pair.first}.factor"]
                first.weight.div_(first.per_output(factor))
                if first.bias is not None:
                    first.bias.div_(factor)
                second.weight.mul_(second.per_input(factor))
            for entry in plan.decisions["pairs"]:
                pair = _Pair(**entry)
                surplus = plan.tensors.get(f"{pair.first}.surplus")
                first, second = _Weights(network, nodes[pair.first]), _Weights(network, nodes[pair.second])
                if surplus is not None and first.bias is not None and second.bias is not None:
                    first.bias.sub_(surplus)
                    second.bias.add_((second.weight * second.per_input(surplus)).flatten(1).sum(1))
        return network

    def check(self, state: frozenset[str]) -> str | None:
        """Ranges are chosen for the scales that weights have."""
        return "the network is quantized already, with ranges for the scales it has" if "quantized" in state else None

    def _factors(self, folded: Network, pairs: "list[_Pair]") -> Mapping[str, torch.Tensor]:
        nodes = {node.name: node for node in folded.nodes()}
        weights = {name: _Weights(folded, nodes[name]) for pair in pairs for name in (pair.first, pair.second)}
        into = {pair.second: pair for pair in pairs}
        factors = {pair.first: torch.ones(weights[pair.first].outputs, dtype=torch.float64) for pair in pairs}

        def scaled(name: str) -> torch.Tensor:
            layer = weights[name]
            weight = layer.weight.detach().double().abs()
            if name in factors:
                weight = weight / layer.per_output(factors[name])
            return weight * layer.per_input(factors[into[name].first]) if name in into else weight

        for _ in range(self.rounds):
            moved = 0.0
            for pair in pairs:
                one = scaled(pair.first).flatten(1).amax(1)
                two = weights[pair.second].largest_by_input(scaled(pair.second), len(one))
                step = torch.where((one > 0) & (two > 0), (one / two).sqrt(), 1.0)
                step = torch.where(step.isfinite() & (step > 0), step, 1.0)
                factors[pair.first] = factors[pair.first] * step
                moved = max(moved, float(step.log().abs().max()))
            if moved < _DONE:
                break
        return {name: factor.float() for name, factor in factors.items()}


@dataclasses.dataclass(frozen=True)
class _Pair:
    """Two neighbours, by node name, and whether a surplus of the first can go into the bias of the second."""

    first: str
    second: str
    absorbs: bool


class _Weights:
    """Weight and bias of a convolution or linear layer, and how channels lie in the weight."""

    def __init__(self, network: Network, node: fx.Node) -> None:
        self.weight = network.get_parameter(str(node.args[1].target))  # type: ignore[union-attr]
        bias = node.args[2] if len(node.args) > 2 else None
        self.bias = network.get_parameter(str(bias.target)) if isinstance(bias, fx.Node) else None
        self.outputs = self.weight.shape[0]
        grouped = node.target in CONVOLUTIONS and len(node.args) > 6
        self._groups = int(node.args[6]) if grouped else 1  # type: ignore[arg-type]

    def per_output(self, values: torch.Tensor) -> torch.Tensor:
        """One number per output channel in a shape that broadcasts with the weight."""
        return values.reshape([-1] + [1] * (self.weight.ndim - 1)).to(self.weight.device)

    def per_input(self, values: torch.Tensor) -> torch.Tensor:
        """One number per channel that is read (each stands for a run of inputs where it was flattened), likewise."""
        inputs = self.weight.shape[1]
        values = values.repeat_interleave(self._groups * inputs // len(values)).reshape(self._groups, 1, inputs)
        values = values.expand(-1, self.outputs // self._groups, -1).reshape(self.outputs, inputs)
        return values.reshape([self.outputs, inputs] + [1] * (self.weight.ndim - 2)).to(self.weight.device)

    def largest_by_input(self, weight: torch.Tensor, channels: int) -> torch.Tensor:
        """Largest entry of a weight like this one by channel that is read."""
        rows = weight.flatten(2).amax(2) if weight.ndim > 2 else weight
        rows = rows.reshape(self._groups, self.outputs // self._groups, -1).amax(1)
        return rows.reshape(channels, -1).amax(1)


def _pairs(folded: Network) -> Iterator[_Pair]:
    sharing = Sharing(folded)
    layers = {node for node in folded.nodes() if _is_layer(node, sharing)}
    for first in folded.nodes():
        node, passed = first, list[fx.Node]()
        while first in layers and len(node.users) == 1:
            following = next(iter(node.users))
            if following.args[:1] != (node,):
                break
            if following in layers and _fits(first, following):
                relu = len(passed) == 1 and passed[0].target in _RELU
                yield _Pair(first.name, following.name, relu and _takes_constants(following))
            if not _keeps_channels(following, first):
                break
            node = following
            passed.append(node)


def _is_layer(node: fx.Node, sharing: Sharing) -> bool:
    """A convolution or linear layer whose parameters nothing else reads."""
    if node.target not in CONVOLUTIONS and node.target is not LINEAR:
        return False
    return all(sharing.alone(argument) for argument in node.args[1:3] if argument is not None)


def _keeps_channels(node: fx.Node, first: fx.Node) -> bool:
    """Whether a positive factor per channel of the first layer can be moved through a node."""
    if node.target in _POINTWISE or first.target is LINEAR:
        return node.target in _POINTWISE
    before, after = _shape(node.args[0]), _shape(node)
    if node.target is _aten.mean.dim:
        axes = node.args[1]
        return isinstance(axes, list | tuple) and all(int(str(axis)) % len(before) > 1 for axis in axes)
    if node.target in _FLATTENS:  # [batch, channels, ...] to [batch, channels * ...]
        return len(after) == 2 and len(before) > 2 and str(before[0]) == str(after[0])
    return node.target in _POOLS


def _fits(first: fx.Node, second: fx.Node) -> bool:
    """Whether the channels that the first layer writes are those that the second reads."""
    if first.target is LINEAR:
        return second.target is LINEAR
    return second.target in CONVOLUTIONS or len(_shape(second.args[0])) == 2


def _takes_constants(node: fx.Node) -> bool:
    """Whether a constant per channel of what a layer reads can be moved into its bias."""
    padding = node.args[4] if node.target in CONVOLUTIONS and len(node.args) > 4 else [0]
    return len(node.args) > 2 and node.args[2] is not None and not any(padding)  # type: ignore[arg-type]


def _normalised(network: Network) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Mean and deviation that a batch norm gives what a layer computes, by the layer's node name."""
    tensors = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    found = {}
    for node in network.nodes():
        if node.target is _aten.batch_norm.default and isinstance(node.args[0], fx.Node):
            gamma, beta = (
                tensors.get(str(entry.target)) if isinstance(entry, fx.Node) else None for entry in node.args[1:3]
            )
            if gamma is not None and beta is not None:
                found[node.args[0].name] = beta.detach(), gamma.detach()
    return found


def _shape(node: object) -> tuple[object, ...]:
    return tuple(node.meta["val"].shape) if isinstance(node, fx.Node) else ()
