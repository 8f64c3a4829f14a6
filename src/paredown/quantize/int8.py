"""Static 8-bit quantization."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from paredown.errors import RecipeError
from paredown.graph.capabilities import Capabilities, Int8Kernels
from paredown.graph.fakequantize import Grid, insert_after, round_biases
from paredown.graph.formats import IntFormat, PerChannel
from paredown.graph.inference import inference_form
from paredown.graph.network import Network
from paredown.quantize.activation import drop_upper_clip, split_gates
from paredown.quantize.minmax import MinMax
from paredown.quantize.observed import Observed
from paredown.quantize.others import others
from paredown.quantize.placement import MULTIPLY, Placement, Point, Weight, place
from paredown.quantize.range import Range, WeightRange, grid, next_power_of_two
from paredown.quantize.refinement import Refinement
from paredown.quantize.refining import (
    check_weight_bits,
    finite_weight,
    refined,
    refinements,
    refuse_quantized,
    write_refined,
)
from paredown.quantize.stored import LSTM, Stored, matrix_grid, tables
from paredown.recipe.plan import Plan
from paredown.recipe.settings import flags
from paredown.recipe.transform import Transform

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Int8"]

_GATE = {"aten.sigmoid.default", "aten.mul.Tensor"}
_LARGEST_BIAS = float(1 << 30)


@dataclasses.dataclass(frozen=True)
class Int8(Transform):
    """Round weights per output channel (symmetric) and activations per tensor to 8 bits.

    Batch norms are folded first. Which operators are rounded is the target's word; ranges come from one pass over the
    calibration split. Where the target has LSTMs with 8-bit weights, it finds the ranges of what they read while running.
    The scales are trainable, so `Int8()` followed by `Train()` is quantization-aware training (Jacob et al., CVPR 2018;
    scales as in Esser et al., ICLR 2020).

    Attributes:
        activations: how the range of an activation is chosen.
        weights: how the range of a weight's channel is chosen.
        skip: module paths (or node names) that stay in float.
        refine: what improves weights and biases once the ranges are known, in this order: ``[AdaRound(),
            BiasCorrection()]``.
        weight_bits: weights take so many bits at most of the 8 they are stored in; fewer compress better and compute
            alike. Where sums in the target's kernels would overflow, here or where its settings send the file, they
            take one less (`Int8Kernels.weight_bits`).
            Type 7 for a file that goes to such a processor (x86 without VNNI) from another one.
        power_of_two: scales are rounded up to powers of two, for devices that shift. Training may move them again.

    Raises:
        RecipeError: a setting is out of range.

    """

    activations: Range = MinMax()  # noqa: RUF009 (a frozen value)
    weights: WeightRange = MinMax()  # noqa: RUF009 (a frozen value)
    skip: tuple[str, ...] = ()
    refine: Sequence[Refinement] | Refinement = ()
    weight_bits: int = 8
    power_of_two: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "refine", refinements(self.refine, "Int8", "activations=... and weights=..."))
        check_weight_bits(self)
        flags(self, "power_of_two")

    def plan(self, network: Network, evidence: "Evidence") -> Plan:
        """Choose places and ranges.

        Raises:
            RecipeError: the network is quantized already, the target runs nothing in 8 bits, a value is not finite on
                the calibration data, or there is no calibration data.

        """
        return self.planned(network, evidence, Observed([self.activations]))

    def planned(self, network: Network, evidence: "Evidence", observed: Observed) -> Plan:
        """As `plan`, for several plans of one network: no value is observed twice.

        Args:
            network: left bit-identical.
            evidence: the calibration data.
            observed: what was seen for the other plans; what is new is added.

        """
        refuse_quantized(network, "Int8")
        capabilities, kernels = evidence.capabilities, evidence.capabilities.int8
        _check_target(capabilities)
        folded, norms = inference_form(network)
        gates = split_gates(folded) if kernels.operators >= _GATE else ()
        places = place(folded, capabilities, self.skip)
        steps = tables(folded, {str(LSTM)} & capabilities.dynamic_operators, self.skip).found
        places = dataclasses.replace(places, left=_without(places.left, steps))
        if not places.points and not steps:
            raise RecipeError(_nothing(folded, capabilities, self.skip, places.left))
        taken = min(self.weight_bits, kernels.weight_bits)
        weights = IntFormat(taken, signed=True)
        points, form = [point.node for point in places.points], kernels.activation
        seen = observed.ends(self.activations, points, folded, evidence, form, symmetric=kernels.symmetric)
        still = observed.constant(seen)
        tensors = self._activation_grids(places, kernels, seen)
        for weight in places.weights:
            tensors |= self._weight_grid(folded, weight, places, tensors, weights, kernels.weight_axis)
        for stored in steps:
            numbers = matrix_grid(finite_weight(folded, stored.parameter), self.weights, weights, PerChannel(0))
            scale = next_power_of_two(numbers.scale) if self.power_of_two else numbers.scale
            tensors |= {f"{stored.name}.scale": scale.cpu(), f"{stored.name}.zero_point": numbers.zero_point.cpu()}
        nodes = len({user for weight in places.weights for user in weight.users})
        here = "sums would overflow in its kernels on this processor"
        why = here if taken >= kernels.sum_bits else "the target asks for no more"
        bits = (
            f" Weights take {taken} of their 8 bits{f': {why}' if taken < self.weight_bits else ''}."
            if taken < 8
            else ""
        )
        lstms = {user for stored in steps for user in stored.users}
        also = f", and {len(lstms)} LSTMs with ranges found while running" if lstms else ""
        plan = Plan(
            technique="quantize.Int8",
            reason=(
                f"{capabilities.name} computes {nodes} of the layers faster in 8 bits{also}; {len(places.points)} activations "
                f"are rounded, {len(norms)} batch norms were folded, {len(places.left)} operators stay in float.{bits}{_never_changed(still)}"
            ),
            decisions={
                "folded": list(norms),
                "split": list(gates),
                "activations": [dataclasses.asdict(point) for point in places.points],
                "weights": [dataclasses.asdict(weight) for weight in places.weights],
                "steps": [dataclasses.asdict(stored) for stored in steps],
                "activation_format": dataclasses.asdict(kernels.activation),
                "weight_format": dataclasses.asdict(weights),
                "float": places.left,
                "constant": sorted(still),
            },
            tensors=tensors,
        )
        return refined(self, self.refine, network, folded, plan, evidence)

    def apply(self, network: Network, plan: Plan) -> Network:
        """Fold batch norms and insert the planned fake-quantize nodes."""
        network, _ = inference_form(network)
        if plan.decisions["split"]:
            split_gates(network)
        write_refined(network, plan)
        nodes = {node.name: node for node in network.nodes()}
        form = IntFormat(**plan.decisions["activation_format"])
        weight_form = IntFormat(**plan.decisions["weight_format"])
        points = [Point(**entry) for entry in plan.decisions["activations"]]
        names = {point.node: point.name for point in points}
        for point in points:
            numbers = Grid(plan.tensors[f"{point.shares}.scale"], plan.tensors[f"{point.shares}.zero_point"], form)
            users = [nodes[user] for user in point.users]
            if set(users) == set(nodes[point.node].users):
                drop_upper_clip(nodes[point.node], float((form.quant_max - numbers.zero_point) * numbers.scale))
            insert_after(network, nodes[point.node], names[point.shares], numbers, users=users)
        for entry in plan.decisions["weights"]:
            weight = Weight(**entry)
            scale, zero_point = (plan.tensors[f"{weight.parameter}.{kind}"] for kind in ("scale", "zero_point"))
            numbers = Grid(scale, zero_point, weight_form, axis=0 if scale.ndim else -1)
            users = [nodes[user] for user in weight.users]
            insert_after(network, users[0].args[1], weight.parameter, numbers, users=users)  # type: ignore[arg-type]
        for entry in plan.decisions.get("steps", ()):
            stored = Stored(**{**entry, "users": tuple(entry["users"])})
            scale, zero_point = (plan.tensors[f"{stored.name}.{kind}"] for kind in ("scale", "zero_point"))
            numbers = Grid(scale, zero_point, weight_form, axis=0)
            readers = [nodes[user] for user in stored.users]
            insert_after(network, stored.source(network), stored.name, numbers, users=readers)
        round_biases(network)
        return network.recompile()

    def check(self, state: frozenset[str]) -> str | None:
        """A network is quantized once."""
        return "the network is quantized already" if "quantized" in state else None

    def after(self, state: frozenset[str]) -> frozenset[str]:
        """The network is quantized and has no batch norms to re-estimate."""
        return state | {"quantized"}

    def _activation_grids(
        self, places: Placement, kernels: Int8Kernels, known: Mapping[str, tuple[float, float]]
    ) -> dict[str, torch.Tensor]:
        form = kernels.activation
        ends: dict[str, tuple[float, float]] = {}
        for point in places.points:
            low, high = known[point.node]
            if low > high:
                raise RecipeError(_unseen(point.node))
            other = ends.get(point.shares, (low, high))
            ends[point.shares] = (min(low, other[0]), max(high, other[1]))
        tensors = {}
        for name, (low, high) in ends.items():
            top = high if low < 0.0 or high > 0.0 else float(form.quant_max - form.quant_min)  # always 0: steps of one
            scale, zero_point = grid(
                torch.tensor(low), torch.tensor(top), form, symmetric=kernels.symmetric, power_of_two=self.power_of_two
            )
            tensors[f"{name}.scale"], tensors[f"{name}.zero_point"] = scale, zero_point
        return tensors

    def _weight_grid(  # noqa: PLR0913, PLR0917 (a weight, its surroundings, its format)
        self,
        folded: Network,
        weight: Weight,
        places: Placement,
        tensors: dict[str, torch.Tensor],
        form: IntFormat,
        axis: int | None,
    ) -> dict[str, torch.Tensor]:
        values = finite_weight(folded, weight.parameter).flatten(1)
        values = values.reshape(1, -1) if axis is None else values
        low, high = self.weights.rows(values, form, symmetric=True)
        scale, zero_point = grid(low, high, form, symmetric=True)
        shares = next(point.shares for point in places.points if point.node == weight.source)
        if weight.bias:  # stored as int32 in steps of (activation scale x weight scale): it must fit
            bias = folded.get_parameter(weight.bias).detach().abs()
            least = bias / (tensors[f"{shares}.scale"] * _LARGEST_BIAS)
            scale = torch.maximum(scale, least.amax() if axis is None else least)
        if axis is None:
            scale, zero_point = scale.squeeze(0), zero_point.squeeze(0)
        scale = next_power_of_two(scale) if self.power_of_two else scale
        return {f"{weight.parameter}.scale": scale, f"{weight.parameter}.zero_point": zero_point}


def _check_target(capabilities: Capabilities) -> None:
    if not capabilities.int8.operators:
        msg = (
            f"Int8() was given for {capabilities.name}, which runs {', '.join(sorted(capabilities.formats))} and "
            f"nothing in 8 bits. {others(lambda able: able.int8.operators)}"
        )
        raise RecipeError(msg)


def _without(left: Mapping[str, str], steps: Sequence[Stored]) -> dict[str, str]:
    """What stays in float, less the LSTMs whose weights are rounded."""
    rounded = {user for stored in steps for user in stored.users}
    return {name: reason for name, reason in left.items() if name not in rounded}


def _unseen(node: str) -> str:
    return (
        f"The value of node {node!r} has no entries on the calibration data, so it has no range. "
        "Calibrate on data like that in use."
    )


def _never_changed(values: Mapping[str, float]) -> str:
    """A sentence about values that were always the same; they are rounded to that number."""
    if not values:
        return ""
    still = [f"{node} ({value:g})" for node, value in values.items()]
    named = ", ".join(still[:5]) + (" …" if len(still) > 5 else "")
    return (
        f" {len(still)} values never changed on the calibration data: {named}. Calibrate on data like that in use, or cut "
        "the channels that compute nothing (prune.Channels)."
    )


def _nothing(network: Network, capabilities: Capabilities, skip: tuple[str, ...], left: Mapping[str, str]) -> str:
    asked = f", leaving out {', '.join(skip)}" if skip else ""
    why = dict(left)
    for node in network.nodes():
        if node.target in MULTIPLY and node.name not in why:
            why[node.name] = f"it computes in {str(node.meta['val'].dtype)[6:]}, capture model.float() for float32"
    listed = [f"{name}: {reason}" for name, reason in list(why.items())[:5]]
    found = f" ({'; '.join(listed)}{' …' if len(why) > 5 else ''})" if why else ""
    kernels = ", ".join(sorted(str(operator) for operator in MULTIPLY if str(operator) in capabilities.int8.operators))
    kinds = {str(node.target) for node in network.nodes() if node.target in MULTIPLY} - capabilities.int8.operators
    who = others(lambda able: able.int8.operators & kinds) if kinds else "Leave the step out."
    return (
        f"Int8() was given a network without a layer that {capabilities.name} runs faster in 8 bits{asked}{found}. There, "
        f"{kernels} are such layers, in float32 and with stored weights. {who} `Half()` makes a file of half the size."
    )
