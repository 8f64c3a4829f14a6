"""The weights of a coupled group, added up per index: what every ranking of its indices starts from."""

from collections.abc import Callable

import torch

from paredown.graph.axes import Axes, Carrier, Group
from paredown.graph.axes.dims import Dim
from paredown.graph.cut.indices import Indices, coordinates
from paredown.graph.network import Network

__all__ = ["mean_of_members", "members", "per_index"]


def members(network: Network, group: Group) -> list[tuple[Carrier, torch.Tensor]]:
    """The weights of a group: parameters that produce or consume it; all its parameters where there are none."""
    parameters = dict(network.named_parameters(remove_duplicate=False))
    held = [(carrier, parameters[carrier.name]) for carrier in group.carriers if carrier.name in parameters]
    weights = [(carrier, tensor) for carrier, tensor in held if carrier.role != "other"]
    seen: set[tuple[int, int]] = set()
    unique = []
    for carrier, tensor in weights or held:
        if (id(tensor), carrier.axis) not in seen:
            seen.add((id(tensor), carrier.axis))
            unique.append((carrier, tensor.detach()))
    return unique


def per_index(axes: Axes, group: Group, carrier: Carrier, entries: torch.Tensor) -> torch.Tensor:
    """Sum the entries of a carrier per index of its group: ``[size]``, or ``[outer, size]``."""
    dims = axes.parameters[carrier.name]
    leaf, outer = axes.leaf(group.name), axes.outer(group.name)
    indices = Indices({}, {})
    rows = group.outer or 1
    total = torch.zeros(rows * group.size, dtype=torch.float64)
    for at in coordinates(dims[carrier.axis], leaf, indices):
        other, by = _rows(dims, carrier.axis, outer, indices)
        keep = [axis for axis in (other, carrier.axis) if axis is not None]
        table = entries.double().cpu()
        gone = [axis for axis in range(table.ndim) if axis not in keep]
        table = table.sum(gone) if gone else table
        if other is not None and other > carrier.axis:
            table = table.T
        place = at if by is None else by * group.size + at if other is None else by[:, None] * group.size + at
        valid = (at >= 0).expand_as(place)
        total.index_add_(0, place[valid], table.expand_as(place)[valid])
    return total.view(rows, group.size) if group.outer else total


def _rows(dims: list[Dim], axis: int, outer: Dim | None, indices: Indices) -> tuple[int | None, torch.Tensor | None]:
    """Where the outer index of each entry is found: on the same axis (None) or on another."""
    if outer is None:
        return None, None
    same = coordinates(dims[axis], outer, indices)
    if same:
        return None, same[0].clamp_min(0)
    other = next(at for at, dim in enumerate(dims) if at != axis and coordinates(dim, outer, indices))
    return other, coordinates(dims[other], outer, indices)[0]


def mean_of_members(
    network: Network,
    axes: Axes,
    group: Group,
    entries: Callable[[str, torch.Tensor], torch.Tensor],
    finish: Callable[[torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """Mean over a group's weights of ``finish(sum of entries per index)``, each divided by its own mean."""
    scores = []
    for carrier, tensor in members(network, group):
        score = finish(per_index(axes, group, carrier, entries(carrier.name, tensor)))
        scores.append(score / score.mean().clamp_min(torch.finfo(torch.float64).tiny))
    return torch.stack(scores).mean(0)
