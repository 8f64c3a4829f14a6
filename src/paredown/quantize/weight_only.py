"""Weights stored in few bits, computed with in float."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from paredown.errors import RecipeError
from paredown.graph.capabilities import Capabilities
from paredown.graph.fakequantize import Grid, fake_quantize, insert_after
from paredown.graph.formats import IntFormat, PerGroup
from paredown.graph.inference import inference_form
from paredown.graph.network import Network
from paredown.quantize.minmax import MinMax
from paredown.quantize.others import others
from paredown.quantize.placement import LINEAR
from paredown.quantize.range import WeightRange
from paredown.quantize.refinement import Refinement
from paredown.quantize.refining import finite_weight, refined, refinements, refuse_quantized, write_refined
from paredown.quantize.stored import EMBEDDING, Stored, Tables, matrix_grid, tables
from paredown.recipe.plan import Plan
from paredown.recipe.settings import flags, require, whole
from paredown.recipe.transform import Transform

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["WeightOnly"]

_BITS = (4, 8)


@dataclasses.dataclass(frozen=True)
class WeightOnly(Transform):
    """Store the weights of linear layers in 4 or 8 bits, in groups along their inputs; compute in float.

    ``W_r = s (clip(round(W / s) + z, 0, 2^b - 1) - z)`` with a scale s and a whole zero point z for each run of `group`
    inputs of each output. The file shrinks to about ``(b + (32 + b) / group) / 32`` of these weights, and so does what
    is read from memory, which is what language models wait for. Networks that wait for arithmetic gain no time:
    `DynamicInt8` is for these. The scales are trainable, so `WeightOnly()` followed by `Train()` is quantization-aware
    training. With the defaults this is rounding to nearest; `HQQ` chooses other grids, `GPTQ` and `AdaRound` round
    otherwise, `AWQ` scales inputs first.

    Attributes:
        bits: of a weight, 4 or 8.
        group: inputs that share a scale.
        symmetric: stored 0 means 0 in every group; saves the zero points and costs accuracy.
        weights: how the range of a group is chosen.
        refine: what improves the weights once the grids are known, in this order.
        embedding_bits: of tables that rows are picked from, 4 or 8; None leaves them in float.
        skip: module paths (or node names) that stay in float.

    Raises:
        RecipeError: a setting is out of range.

    """

    bits: int = 4
    group: int = 32
    symmetric: bool = False
    weights: WeightRange = MinMax()  # noqa: RUF009 (a frozen value)
    refine: Sequence[Refinement] | Refinement = ()
    embedding_bits: int | None = 8
    skip: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "refine", refinements(self.refine, "WeightOnly", "weights=..."))
        flags(self, "symmetric")
        stored = "how many bits weights are stored in, 4 or 8"
        require(_BITS.__contains__, self, "bits", stored)
        require((*_BITS, None).__contains__, self, "embedding_bits", stored)
        whole(self, "group", least=2, what="how many inputs a group holds, 2 or more")

    def form(self, stored: Stored) -> IntFormat:
        """The number format of a matrix."""
        bits = self.bits if stored.linear else self.embedding_bits
        return IntFormat(bits or self.bits, signed=self.symmetric)

    def plan(self, network: Network, evidence: "Evidence") -> Plan:
        """Choose the matrices and their grids.

        Raises:
            RecipeError: the network is quantized already, the target has no kernels for these groups, no layer's width
                is a multiple of the group, a weight is not finite, or a refinement has no calibration data.

        """
        refuse_quantized(network, "WeightOnly")
        self.check_target(evidence.capabilities)
        folded, _ = inference_form(network)
        places = self.places(folded, evidence.capabilities)
        if not any(stored.linear for stored in places.found):
            raise RecipeError(self._nothing(folded, places))
        tensors: dict[str, torch.Tensor] = {}
        before = after = 0.0
        for stored in places.found:
            values = finite_weight(folded, stored.parameter)
            numbers = self.grid(values, stored)
            tensors |= {
                f"{stored.name}.scale": numbers.scale.cpu(),
                f"{stored.name}.zero_point": numbers.zero_point.cpu(),
            }
            before += values.numel() * 4
            zeros = 0 if self.symmetric else numbers.format.bits / 8
            after += values.numel() * numbers.format.bits / 8 + numbers.scale.numel() * (4 + zeros)
        layers = sum(len(stored.users) for stored in places.found if stored.linear)
        picked = sum(len(stored.users) for stored in places.found if not stored.linear)
        embeddings = f" and {picked} embeddings in {self.embedding_bits}" if picked else ""
        plan = Plan(
            technique="quantize.WeightOnly",
            reason=(
                f"The weights of {layers} linear layers are stored in {self.bits} bits{embeddings}, in groups of "
                f"{self.group}: {before / 1e3:.0f} kB become {after / 1e3:.0f} kB; {len(places.left)} stay in float."
            ),
            decisions={"stored": [dataclasses.asdict(stored) for stored in places.found], "float": places.left},
            tensors=tensors,
        )
        return refined(self, self.refine, network, folded, plan, evidence)

    def apply(self, network: Network, plan: Plan) -> Network:
        """Fold batch norms and insert the planned fake-quantize nodes."""
        network, _ = inference_form(network)
        write_refined(network, plan)
        for entry in plan.decisions["stored"]:
            stored = Stored(**{**entry, "users": tuple(entry["users"])})
            scale, zero = (plan.tensors[f"{stored.name}.{kind}"] for kind in ("scale", "zero_point"))
            users = [node for node in network.nodes() if node.name in stored.users]
            numbers = Grid(scale, zero, self.form(stored), axis=1)
            insert_after(network, stored.source(network), stored.name, numbers, users=users)
        return network.recompile()

    def check(self, state: frozenset[str]) -> str | None:
        """A network is quantized once."""
        return "the network is quantized already" if "quantized" in state else None

    def after(self, state: frozenset[str]) -> frozenset[str]:
        """The network is quantized."""
        return state | {"quantized"}

    def check_target(self, capabilities: Capabilities) -> None:
        """Refuse a target without kernels for these groups.

        Raises:
            RecipeError: it has none.

        """
        name = IntFormat(self.bits, signed=self.symmetric).name
        if name in capabilities.weight_formats and self.group in capabilities.weight_groups:
            return
        if capabilities.weight_groups:
            known = ", ".join(map(str, sorted(capabilities.weight_groups)))
            has = f"stores weights as {', '.join(sorted(capabilities.weight_formats))} in groups of {known}"
            change = (
                f"Type WeightOnly(group={min(capabilities.weight_groups, key=lambda size: abs(size - self.group))})."
            )
        else:
            has = "has no kernels for weights in groups"
            change = others(lambda able: name in able.weight_formats and self.group in able.weight_groups)
        msg = (
            f"WeightOnly(bits={self.bits}, group={self.group}) was given for {capabilities.name}, which {has}. {change}"
        )
        raise RecipeError(msg)

    def places(self, folded: Network, capabilities: Capabilities) -> Tables:
        """The matrices that are stored in groups, and what stays in float."""
        kinds = {str(LINEAR), *([str(EMBEDDING)] if self.embedding_bits else [])} & capabilities.weight_operators
        places = tables(folded, kinds, self.skip)
        found, left = [], dict(places.left)
        for stored in places.found:
            width = folded.get_parameter(stored.parameter).shape[1]
            if width % self.group:
                left |= dict.fromkeys(stored.users, f"{self.group} does not divide its width, {width}")
            else:
                found.append(stored)
        return Tables(tuple(found), dict(sorted(left.items())))

    def grid(self, values: torch.Tensor, stored: Stored) -> Grid:
        """The grid of a matrix."""
        return matrix_grid(values, self.weights, self.form(stored), PerGroup(self.group))

    def rounded(self, values: torch.Tensor, stored: Stored) -> torch.Tensor:
        """A matrix rounded to nearest on its grid."""
        numbers = self.grid(values, stored)
        ends = numbers.format.quant_min, numbers.format.quant_max
        result: torch.Tensor = fake_quantize(values, numbers.scale, numbers.zero_point, 1, *ends)
        return result

    def _nothing(self, folded: Network, places: Tables) -> str:
        widths = sorted({int(node.args[1].meta["val"].shape[-1]) for node in folded.nodes() if node.target is LINEAR})  # type: ignore[union-attr]
        if not widths:
            return (
                "WeightOnly() was given a network without linear layers; they alone have kernels that read weights in "
                "groups. Use quantize.Int8() for convolutions."
            )
        if all(width % self.group for width in widths):
            return (
                f"WeightOnly(group={self.group}) was given a network whose linear layers read {', '.join(map(str, widths))} "
                f"inputs; the group divides none of these. {_other_group(widths, self.group)}"
            )
        why = "; ".join(f"{name}: {reason}" for name, reason in places.left.items())
        return f"WeightOnly() was given a network without a linear layer that it may round ({why}). Leave the step out."


def _other_group(widths: list[int], given: int) -> str:
    """The largest usual group that divides one of the widths, as something to type."""
    fits = [size for size in (128, 64, 32, 16) if size != given and any(width % size == 0 for width in widths)]
    if fits:
        return f"Type WeightOnly(group={fits[0]})."
    return "No group of 16, 32, 64 or 128 divides one of them; use quantize.DynamicInt8(), which has a scale for each output."
