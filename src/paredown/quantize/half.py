"""Weights stored in 16 bits, computed with in float32."""

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from paredown.errors import RecipeError
from paredown.graph.half import HALVES, round_where_read
from paredown.graph.inference import inference_form
from paredown.graph.network import Network, module_path
from paredown.quantize.others import others
from paredown.quantize.refining import finite_weight, refuse_quantized
from paredown.recipe.plan import Plan
from paredown.recipe.settings import require, whole
from paredown.recipe.transform import Transform

if TYPE_CHECKING:
    from paredown.graph.capabilities import Capabilities
    from paredown.recipe.evidence import Evidence

__all__ = ["Half"]

_LARGEST = float(torch.finfo(torch.float16).max)


@dataclasses.dataclass(frozen=True)
class Half(Transform):
    """Store weights in 16 bits: half the file for next to no change in the answers, and no change in speed.

    The runtime turns them back into float32 when it opens the file, so kernels, latency and memory are those of the
    float network; CPUs without 16-bit arithmetic have no faster kernels for it. ``float16`` has 11 significant bits and
    ends at 65,504 (IEEE 754 binary16); ``bfloat16`` has 8 and the range of float32 (Kalamkar et al. 2019,
    arXiv:1905.12322). It needs no data. Followed by `Train`, weights are trained as they will be stored, gradients
    passing straight through.

    Attributes:
        format: ``float16`` or ``bfloat16``.
        least: numbers that a parameter holds at least to be worth it; biases stay in float32.
        skip: module paths whose parameters stay in float32.

    Raises:
        RecipeError: a setting is out of range.

    """

    format: str = "float16"
    least: int = 256
    skip: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        what = f"a 16-bit format, {' or '.join(map(repr, HALVES))}"
        require(HALVES.__contains__, self, "format", what)
        whole(self, "least", what="a number of weights, 1 or more")

    def plan(self, network: Network, evidence: "Evidence") -> Plan:
        """Choose the parameters.

        Raises:
            RecipeError: the network is quantized already, the target's files hold no such numbers, a weight is not
                finite or beyond the format, or no parameter is large enough.

        """
        refuse_quantized(network, "Half")
        self._check_target(evidence.capabilities)
        folded, _ = inference_form(network)
        names = list(dict.fromkeys(self._large(folded)))
        if not names:
            msg = (
                f"Half(least={self.least}) was given a network without a float32 parameter of that size that it may "
                "round. Leave the step out."
            )
            raise RecipeError(msg)
        for name in names:
            self._check_range(name, finite_weight(folded, name))
        numbers = sum(folded.get_parameter(name).numel() for name in names)
        return Plan(
            technique="quantize.Half",
            reason=(
                f"{len(names)} parameters are stored as {self.format}: {numbers * 4 / 1e3:.0f} kB become "
                f"{numbers * 2 / 1e3:.0f} kB; {evidence.capabilities.name} computes with them in float32, as fast as before."
            ),
            decisions={"parameters": names, "format": self.format},
        )

    def apply(self, network: Network, plan: Plan) -> Network:
        """Fold batch norms and round what was planned wherever it is read."""
        network, _ = inference_form(network)
        form = HALVES[plan.decisions["format"]]
        for name in plan.decisions["parameters"]:
            round_where_read(network, name, form)
        return network.recompile()

    def check(self, state: frozenset[str]) -> str | None:
        """A network is quantized once."""
        return "the network is quantized already" if "quantized" in state else None

    def after(self, state: frozenset[str]) -> frozenset[str]:
        """The network is quantized."""
        return state | {"quantized"}

    def _large(self, folded: Network) -> Iterator[str]:
        """Parameters to round, by name, in the order of the graph."""
        parameters = dict(folded.named_parameters(remove_duplicate=False))
        for node in folded.nodes():
            parameter = parameters.get(str(node.target)) if node.op == "get_attr" else None
            if parameter is None or parameter.dtype != torch.float32 or parameter.numel() < self.least:
                continue
            if not any(self._skips(str(node.target), module_path(user)) for user in node.users):
                yield str(node.target)

    def _skips(self, name: str, path: str) -> bool:
        return any(part in (name, path) or path.startswith(f"{part}.") for part in self.skip)

    def _check_target(self, capabilities: "Capabilities") -> None:
        if self.format in capabilities.stored_formats:
            return
        msg = (
            f"Half(format={self.format!r}) was given for {capabilities.name}, whose files hold no such numbers. "
            f"{others(lambda able: self.format in able.stored_formats)}"
        )
        raise RecipeError(msg)

    def _check_range(self, name: str, values: torch.Tensor) -> None:
        largest = float(values.abs().max())
        if self.format == "float16" and largest > _LARGEST:
            msg = (
                f"Half(format='float16') was given a network whose parameter {name!r} holds {largest:.3g}; float16 ends "
                f"at {_LARGEST:.0f}. Type Half(format='bfloat16'), or skip=({name!r},)."
            )
            raise RecipeError(msg)
