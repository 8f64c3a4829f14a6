"""Second-order estimate of what the loss would change by."""

import dataclasses
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import torch

from paredown.graph.axes import Axes, Group
from paredown.graph.network import Network
from paredown.prune.importance import Importance
from paredown.prune.passing import Operator, Pass, Sums
from paredown.prune.readings import Reading, readings
from paredown.recipe import batch

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["Fisher"]


@dataclasses.dataclass(frozen=True)
class Fisher(Importance):
    """Diagonal Fisher information of a gate on every index: optimal brain damage for coupled groups.

    ``I_j = 1 / (2 N) sum over examples n of g_nj^2`` with ``g_nj = sum over members m of <x_nmj, dL_n/dx_nmj>``, where
    ``x_nmj`` is what member ``m`` reads of index ``j``: the derivative of the loss of one example in a gate that closes
    the index for all its members at once. In units of the loss, so that indices of different groups can be compared.
    ``dL_n`` is taken from the mean loss of a batch, so the loss has to be a mean over examples.

    The diagonal of LeCun, Denker, Solla: "Optimal brain damage", NIPS 1989, with the Fisher information in the place of
    the Hessian as in Theis, Korshunova, Tejani, Huszár: "Faster gaze prediction with dense networks and Fisher
    pruning", 2018, arXiv:1801.05787 (equation 6); the sum over the members of a group before squaring as in Liu, Zhang,
    Kuang et al., "Group Fisher pruning for practical network compression", ICML 2021, arXiv:2108.00708.
    """

    def score(
        self, network: Network, axes: Axes, groups: Iterable[Group], evidence: "Evidence"
    ) -> Mapping[str, torch.Tensor]:
        """See `Importance.score`."""
        groups = list(groups)
        found = readings(network, axes, groups)
        twin = network.copy().eval().to(evidence.device)
        totals = {group.name: torch.zeros((), dtype=torch.float64) for group in groups}
        examples = 0
        for inputs, target in evidence.work.calibrate.batches():
            count = batch.length(inputs)
            flat = batch.flat(twin, batch.to(evidence.device, inputs))
            read: dict[tuple[str, Reading], torch.Tensor] = {}
            hooks = [
                (reading, partial(_keep, read, (group.name, reading)))
                for group in groups
                for reading in found[group.name]
            ]
            with torch.enable_grad():
                outputs = twin.out_structure.build(Pass(twin, hooks).run(*flat))
                loss = evidence.objective.loss_of(outputs, batch.to(evidence.device, target)) * count
            for name, gates in _gates(axes, read, loss, Sums(network, axes, flat)).items():
                totals[name] = totals[name] + gates.square().sum(0)
            examples += count
        return {name: total / (2 * examples) for name, total in totals.items()}


def _keep(
    read: dict[tuple[str, Reading], torch.Tensor], key: tuple[str, Reading], values: torch.Tensor, _: Operator
) -> torch.Tensor:
    """A tensor of its own for this one reading, so that its gradient is that of this reading alone."""
    start = values if values.requires_grad else values.detach().requires_grad_()
    read[key] = start.view_as(start)
    return read[key]


def _gates(
    axes: Axes, read: Mapping[tuple[str, Reading], torch.Tensor], loss: torch.Tensor, sums: Sums
) -> dict[str, torch.Tensor]:
    """Derivatives of the examples' losses in the gates: ``[examples, size]`` or ``[examples, outer, size]``."""
    gradients = torch.autograd.grad(loss, list(read.values()), allow_unused=True, materialize_grads=True)
    gates: dict[str, torch.Tensor] = {}
    for ((name, reading), values), gradient in zip(read.items(), gradients, strict=True):
        change = sums(axes.group(name), reading, values * gradient)
        gates[name] = gates[name] + change if name in gates else change
    return gates
