"""What the next layer would compute without an index."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import torch

from paredown.graph.axes import Axes, Group
from paredown.graph.network import Network
from paredown.prune.importance import Importance
from paredown.prune.passing import Operator, collect

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Reconstruction"]


@dataclasses.dataclass(frozen=True)
class Reconstruction(Importance):
    """Reconstruction error of the layers that read a group, with the indices removed greedily.

    Without the indices ``T``, the layers ``m`` that read a group lose ``sum_{j in T} y_mj`` of their outputs, where
    ``y_mj`` is what index ``j`` adds. The error ``e(T) = sum over m of |sum_{j in T} y_mj|^2 / |sum_j y_mj|^2`` over the
    calibration data starts with no index in ``T``; at every step the index that raises it least goes, and ``I_j`` is
    the largest error up to the step at which ``j`` went. So an index that another one makes up for goes together with
    it. With an outer index every row is emptied on its own.

    ThiNet, with all its outputs: Luo, Wu, Lin: "ThiNet: a filter level pruning method for deep neural network
    compression", ICCV 2017, arXiv:1707.06342 (equation 6). The products ``<y_mj, y_mk>`` are estimated by one random
    projection of the outputs per example (Hutchinson), where ThiNet draws single outputs; the signs are drawn from the
    seed of the evidence. The weights are not fitted anew (He, Zhang, Sun, ICCV 2017, arXiv:1707.06168).
    """

    def score(
        self, network: Network, axes: Axes, groups: Iterable[Group], evidence: "Evidence"
    ) -> Mapping[str, torch.Tensor]:
        """See `Importance.score`."""
        generator = torch.Generator().manual_seed(evidence.seed)

        def contributions(values: torch.Tensor, operate: Operator) -> torch.Tensor:
            return _contributions(values, operate, generator)

        found = collect(network, axes, groups, evidence, contributions)
        return {name: _emptied([*sums.values()]) for name, sums in found.items()}


def _contributions(values: torch.Tensor, operate: Operator, generator: torch.Generator) -> torch.Tensor:
    """What every value adds to a random projection of the operator's output, which is linear in the values."""
    with torch.enable_grad():
        read = values.detach().requires_grad_()
        output = operate(read)
        signs = torch.randint(0, 2, output.shape, generator=generator).to(output) * 2 - 1
        (gradient,) = torch.autograd.grad(output, read, signs)
    return values * gradient


def _emptied(layers: list[torch.Tensor]) -> torch.Tensor:
    """Errors at which the indices go, from each layer's ``[examples, size]`` or ``[examples, outer, size]``."""
    products = torch.zeros(())
    for added in layers:
        rows = added.unsqueeze(1) if added.ndim == 2 else added
        whole = rows.sum((1, 2)).square().sum().clamp_min(torch.finfo(rows.dtype).tiny)
        products = products + torch.einsum("nrj,nrk->rjk", rows, rows) / whole
    errors = torch.stack([_greedy(table) for table in products])
    return errors if layers[0].ndim == 3 else errors[0]


def _greedy(products: torch.Tensor) -> torch.Tensor:
    """Remove index after index by their products ``[size, size]``; the errors, strictly ascending in that order."""
    growth = products.diagonal().clone()
    errors = torch.zeros_like(growth)
    left = torch.ones(len(growth), dtype=torch.bool)
    error, highest = 0.0, 0.0
    for _ in growth:
        index = int(growth.masked_fill(~left, torch.inf).argmin())
        error += float(growth[index])
        highest = max(error, math.nextafter(highest, math.inf))
        errors[index] = highest
        left[index] = False
        growth += 2 * products[index]
    return errors
