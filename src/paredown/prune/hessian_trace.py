"""Second-order estimate of what the loss would change by, with the curvature itself."""

import dataclasses
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from paredown.errors import RecipeError
from paredown.graph.axes import Axes, Group
from paredown.graph.cut.weights import members, per_index
from paredown.graph.network import Network
from paredown.prune.importance import Importance
from paredown.recipe import batch
from paredown.recipe.settings import whole

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["HessianTrace"]


@dataclasses.dataclass(frozen=True)
class HessianTrace(Importance):
    """Average curvature of the loss in the weights of an index, times their squared norm.

    ``I_j = Trace(H_jj) / (2 p_j) * |w_j|_2^2``, where ``w_j`` are the ``p_j`` weights of all members at index ``j`` and
    ``H_jj`` is the block of the loss's Hessian that belongs to them. The trace is Hutchinson's:
    ``Trace(H_jj) = E[v_j . (H v)_j]`` with ``v`` of random signs, so that one product with the Hessian serves all
    indices of all groups. In units of the loss, so that indices of different groups can be compared; negative where the
    loss curves down. Each draw costs two passes backwards over the examples.

    Yu, Yao, Gholami, Dong, Kim, Mahoney, Keutzer: "Hessian-aware pruning and optimal neural implant", WACV 2022,
    arXiv:2101.08940, over coupled groups: its sensitivity of a group of channels.

    Attributes:
        draws: of random signs.
        examples: of the calibration split, at most.

    """

    draws: int = 8
    examples: int = 256

    def __post_init__(self) -> None:
        whole(self, "draws", "examples")

    def score(
        self, network: Network, axes: Axes, groups: Iterable[Group], evidence: "Evidence"
    ) -> Mapping[str, torch.Tensor]:
        """See `Importance.score`.

        Raises:
            RecipeError: the evidence has no data, or an operator of the network has no second derivative.

        """
        diagonal = self._diagonal(network, evidence)
        return {group.name: _of_group(network, axes, group, diagonal) for group in groups}

    def _diagonal(self, network: Network, evidence: "Evidence") -> dict[str, torch.Tensor]:
        """The mean of ``v * H v`` over draws and examples, by parameter name, whose sums are traces of blocks."""
        twin = network.copy().eval().to(evidence.device)
        parameters = {name: p for name, p in twin.named_parameters() if p.dtype.is_floating_point}
        for parameter in parameters.values():
            parameter.requires_grad_()
        generator = torch.Generator().manual_seed(evidence.seed)
        draws = [
            [torch.randint(0, 2, p.shape, generator=generator).to(p) * 2 - 1 for p in parameters.values()]
            for _ in range(self.draws)
        ]
        totals = [torch.zeros(p.shape, dtype=torch.float64) for p in parameters.values()]
        seen = 0
        for inputs, target in evidence.work.calibrate.batches(limit=self.examples):
            count = batch.length(inputs)
            products = _products(twin, evidence, (inputs, target), [*parameters.values()], draws)
            totals = [total + count * product for total, product in zip(totals, products, strict=True)]
            seen += count
        by_name = {id(p): total / seen for p, total in zip(parameters.values(), totals, strict=True)}
        tied = twin.named_parameters(remove_duplicate=False)
        return {name: by_name[id(p)] for name, p in tied if id(p) in by_name}


def _products(
    twin: Network,
    evidence: "Evidence",
    examples: tuple[object, object],
    parameters: list[torch.Tensor],
    draws: list[list[torch.Tensor]],
) -> list[torch.Tensor]:
    """Mean over draws ``v`` of ``v * H v`` for one batch, per parameter, on the CPU."""
    inputs, target = (batch.to(evidence.device, part) for part in examples)
    sums = [torch.zeros(p.shape, dtype=torch.float64) for p in parameters]
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), _written_out(twin):  # fused kernels have one derivative
        loss = evidence.objective.loss_of(batch.call(twin, inputs), target)
        try:
            slopes = torch.autograd.grad(loss, parameters, create_graph=True, materialize_grads=True)
            for number, signs in enumerate(draws, 1):
                along = torch.stack([(s * v).sum() for s, v in zip(slopes, signs, strict=True)]).sum()
                curved = torch.autograd.grad(
                    along, parameters, retain_graph=number < len(draws), materialize_grads=True
                )
                sums = [total + (c * v).double().cpu() for total, c, v in zip(sums, curved, signs, strict=True)]
        except RuntimeError as error:
            msg = (
                "prune.HessianTrace() differentiates twice, and an operator of this network has no second derivative "
                f"({str(error).splitlines()[0]}). Use prune.Fisher(), which needs only one."
            )
            raise RecipeError(msg) from error
    return [total / len(draws) for total in sums]


def _written_out(network: Network) -> AbstractContextManager[None]:
    """Recurrent layers without the kernels of oneDNN, all else with them."""
    if not any("lstm" in str(node.target) or "gru" in str(node.target) for node in network.nodes()):
        return nullcontext()
    return torch.backends.mkldnn.flags(enabled=False, allow_tf32=torch.backends.mkldnn.allow_tf32)


def _of_group(network: Network, axes: Axes, group: Group, diagonal: Mapping[str, torch.Tensor]) -> torch.Tensor:
    trace = norm = count = torch.zeros((), dtype=torch.float64)
    for carrier, weight in members(network, group):
        trace = trace + per_index(axes, group, carrier, diagonal[carrier.name])
        norm = norm + per_index(axes, group, carrier, weight.double().square())
        count = count + per_index(axes, group, carrier, torch.ones_like(weight))
    return trace * norm / (2 * count)
