"""8 bits whose ranges of activations are found while running."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from paredown.errors import RecipeError
from paredown.graph.capabilities import Capabilities
from paredown.graph.dynamic import round_dynamically
from paredown.graph.fakequantize import Grid, insert_after
from paredown.graph.formats import UINT8, IntFormat, PerChannel
from paredown.graph.inference import inference_form
from paredown.graph.network import Network
from paredown.quantize.minmax import MinMax
from paredown.quantize.others import others
from paredown.quantize.placement import CONVOLUTIONS, LINEAR
from paredown.quantize.range import WeightRange
from paredown.quantize.refinement import Refinement
from paredown.quantize.refining import (
    check_weight_bits,
    finite_weight,
    refined,
    refinements,
    refuse_quantized,
    write_refined,
)
from paredown.quantize.stored import EMBEDDING, LSTM, Stored, matrix_grid, tables
from paredown.recipe.plan import Plan
from paredown.recipe.settings import flags
from paredown.recipe.transform import Transform

if TYPE_CHECKING:
    import torch
    from torch import fx

    from paredown.recipe.evidence import Evidence

__all__ = ["DynamicInt8"]


@dataclasses.dataclass(frozen=True)
class DynamicInt8(Transform):
    """Round weights of linear layers per output channel, and what they read to the range it has, at every run.

    Weights are signed and symmetric, activations unsigned: ``s = (max(x, 0) - min(x, 0)) / 255``,
    ``z = round(-min(x, 0) / s)``, over the whole tensor. No calibration data is needed and no outlier is clipped, which
    is what transformers want; with outliers that static ranges cannot hold, it is the first thing to try there. Because
    the range is that of a batch, an example's answer depends a little on its company. LSTMs round their weights likewise,
    and inputs and state at every step, which is not simulated; other recurrent layers have no kernels and stay in float, as
    do convolutions, which would be slower. Tables of embeddings are stored in 8 bits, a scale for each row. Followed by
    `Train`: quantization-aware training.

    Attributes:
        weights: how the range of a weight's channel is chosen.
        refine: what improves the weights once their grids are known, in this order.
        embeddings: store the tables that rows are picked from in 8 bits.
        skip: module paths (or node names) that stay in float.
        weight_bits: as in `Int8`: weights of linear layers take so many of the 8 bits they are stored in, and one less
            where sums in the target's kernels would overflow.

    Raises:
        RecipeError: something that refines nothing, or a setting out of range.

    """

    weights: WeightRange = MinMax()  # noqa: RUF009 (a frozen value)
    refine: Sequence[Refinement] | Refinement = ()
    embeddings: bool = True
    skip: tuple[str, ...] = ()
    weight_bits: int = 8

    def __post_init__(self) -> None:
        object.__setattr__(self, "refine", refinements(self.refine, "DynamicInt8", "weights=..."))
        check_weight_bits(self)
        flags(self, "embeddings")

    def plan(self, network: Network, evidence: "Evidence") -> Plan:
        """Choose layers and the grids of their weights.

        Raises:
            RecipeError: the network is quantized already or has no linear layer, the target has no kernels that round
                while running, a weight is not finite, or a refinement has no calibration data.

        """
        refuse_quantized(network, "DynamicInt8")
        capabilities = evidence.capabilities
        _check_target(capabilities)
        folded, _ = inference_form(network)
        embedding = {str(EMBEDDING)} & capabilities.weight_operators if self.embeddings else set()
        places = tables(folded, {str(LINEAR), str(LSTM)} & capabilities.dynamic_operators | embedding, self.skip)
        if all(stored.table for stored in places.found):
            raise RecipeError(_nothing(capabilities, self.skip, places.left))
        tensors: dict[str, torch.Tensor] = {}
        bits = min(self.weight_bits, capabilities.int8.weight_bits)
        for stored in places.found:
            values = finite_weight(folded, stored.parameter)
            numbers = matrix_grid(values, self.weights, _form(stored, bits), PerChannel(0))
            tensors |= {
                f"{stored.name}.scale": numbers.scale.cpu(),
                f"{stored.name}.zero_point": numbers.zero_point.cpu(),
            }
        layers = sum(len(stored.users) for stored in places.found if stored.linear)
        picked = sum(len(stored.users) for stored in places.found if stored.table)
        steps = {user for stored in places.found if stored.kind == str(LSTM) for user in stored.users}
        convolutions = sum(node.target in CONVOLUTIONS for node in folded.nodes())
        slower = f" {convolutions} convolutions stay in float: they would be slower." if convolutions else ""
        plan = Plan(
            technique="quantize.DynamicInt8",
            reason=(
                f"{capabilities.name} computes {layers} linear layers{f' and {len(steps)} LSTMs' if steps else ''} in 8 bits "
                f"with ranges found while running; {picked} embeddings are stored in 8 bits.{slower}"
            ),
            decisions={
                "stored": [dataclasses.asdict(stored) for stored in places.found],
                "float": dict(sorted(places.left.items())),
                "weight_bits": bits,
            },
            tensors=tensors,
        )
        return refined(self, self.refine, network, folded, plan, evidence)

    def apply(self, network: Network, plan: Plan) -> Network:
        """Fold batch norms and insert the planned rounding nodes."""
        network, _ = inference_form(network)
        write_refined(network, plan)
        readers: dict[fx.Node, list[fx.Node]] = {}
        for entry in plan.decisions["stored"]:
            stored = Stored(**{**entry, "users": tuple(entry["users"])})
            scale, zero = (plan.tensors[f"{stored.name}.{kind}"] for kind in ("scale", "zero_point"))
            users = [node for node in network.nodes() if node.name in stored.users]
            numbers = Grid(scale, zero, _form(stored, plan.decisions["weight_bits"]), axis=0)
            insert_after(network, stored.source(network), stored.name, numbers, users=users)
            for user in users if stored.linear else []:
                readers.setdefault(user.args[0], []).append(user)  # type: ignore[arg-type]
        for value, users in readers.items():
            round_dynamically(network, value, users)
        return network.recompile()

    def check(self, state: frozenset[str]) -> str | None:
        """A network is quantized once."""
        return "the network is quantized already" if "quantized" in state else None

    def after(self, state: frozenset[str]) -> frozenset[str]:
        """The network is quantized."""
        return state | {"quantized"}


def _form(stored: Stored, bits: int) -> IntFormat:
    """Weights are signed and take what sums have room for; rows of tables are picked, not summed."""
    return UINT8 if stored.table else IntFormat(bits, signed=True)


def _check_target(capabilities: Capabilities) -> None:
    if str(LINEAR) not in capabilities.dynamic_operators:
        msg = (
            f"DynamicInt8() was given for {capabilities.name}, which has no kernels that round while running. "
            f"{others(lambda able: str(LINEAR) in able.dynamic_operators)}"
        )
        raise RecipeError(msg)


def _nothing(capabilities: Capabilities, skip: tuple[str, ...], left: Mapping[str, str]) -> str:
    asked = f", leaving out {', '.join(skip)}" if skip else ""
    why = "; ".join(f"{name}: {reason}" for name, reason in left.items())
    return (
        f"DynamicInt8() was given a network without a linear layer with a stored float32 weight{asked}"
        f"{f' ({why})' if why else ''}; {capabilities.name} "
        "runs nothing else faster that way. Use quantize.Int8() for convolutions."
    )
