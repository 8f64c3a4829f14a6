"""Slice what carries the cut indices, rewrite what names their number."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import fx, nn

from paredown.errors import InputError
from paredown.graph.axes import analyse
from paredown.graph.axes.groups import Axes, Group
from paredown.graph.cut.indices import Indices
from paredown.graph.cut.proof import prove
from paredown.graph.cut.rewrite import rewrite
from paredown.graph.network import Network

if TYPE_CHECKING:
    from paredown.graph.axes.dims import Dim

__all__ = ["choose", "cut"]


def cut(
    network: Network,
    kept: Mapping[str, torch.Tensor | Sequence[int]],
    *,
    axes: Axes | None = None,
    proof: bool = True,
    shapes: bool = True,
) -> Network:
    """A copy of a network that keeps only some indices of some groups.

    Args:
        network: left bit-identical.
        kept: per group name the indices to keep, ascending: ``[kept]``, or ``[outer, kept]`` with a row per index of
            the outer group where `Group.outer` allows it.
        axes: the analysis of this network, where it is known already.
        proof: run the result against its parent before handing it out (see `prove`).
        shapes: renew the shapes in the nodes' metadata; a network that is only run does not need them.

    Raises:
        InputError: a name or an index does not exist, or nothing would be left.
        FrozenError: an operator holds a group; the message names it.
        CutError: the result does not compute what it must; nothing is handed out.

    """
    axes = axes or analyse(network)
    indices = choose(axes, kept)
    twin = network.copy()
    graph_module = twin.graph_module
    _slice(network.graph_module, graph_module, axes, indices)
    rewrite(graph_module.graph, axes, indices, shapes=shapes)
    twin.recompile()
    if proof:
        prove(network, twin, axes, indices)
    return twin


def choose(axes: Axes, kept: Mapping[str, torch.Tensor | Sequence[int]]) -> Indices:
    """Check what is to be kept and put it in terms of atoms.

    Raises:
        InputError: a name or an index does not exist, or nothing would be left.
        FrozenError: an operator holds a group.

    """
    chosen: dict[Dim, torch.Tensor] = {}
    outers: dict[Dim, Dim] = {}
    for name, wanted in kept.items():
        group = axes.free_group(name)
        indices = torch.as_tensor(wanted, dtype=torch.long, device="cpu")
        _check(group, indices)
        leaf, outer = axes.leaf(name), axes.outer(name)
        if indices.ndim == 2 and outer is not None:
            outers[leaf] = outer
        if indices.ndim == 2 or len(indices) < group.size:
            chosen[leaf] = indices
    return Indices(chosen, outers)


def _check(group: Group, indices: torch.Tensor) -> None:
    if indices.ndim == 2 and group.outer != indices.shape[0]:
        holds = f"rows for its {group.outer} outer indices" if group.outer else "one row for all: a flat list"
        msg = f"Group {group.name!r} was given {indices.shape[0]} rows of indices; it takes {holds}."
        raise InputError(msg)
    if indices.ndim not in (1, 2) or indices.shape[-1] == 0:
        msg = (
            f"Group {group.name!r} was given no index to keep (shape {list(indices.shape)}), and a group cannot vanish. "
            f"Keep at least one of its {group.size} indices."
        )
        raise InputError(msg)
    ascending = bool((indices.diff(dim=-1) > 0).all())
    if not ascending or int(indices.min()) < 0 or int(indices.max()) >= group.size:
        msg = (
            f"Group {group.name!r} was given the indices {indices.flatten()[:8].tolist()}; it has {group.size}, and they "
            f"are given ascending and once. Pass them sorted, between 0 and {group.size - 1}."
        )
        raise InputError(msg)


def _slice(before: fx.GraphModule, after: fx.GraphModule, axes: Axes, indices: Indices) -> None:
    dims = {id(_get(before, name)): value for name, value in axes.parameters.items()}
    done: dict[int, torch.Tensor] = {}
    names = dict.fromkeys(
        [
            *axes.parameters,
            *(name for name, _ in before.named_parameters(remove_duplicate=False)),
            *(name for name, _ in before.named_buffers(remove_duplicate=False)),
        ]
    )
    for name in names:
        old = _get(before, name)
        held = dims.get(id(old))
        if held is None or not any(map(indices.touched, held)):
            continue
        if id(old) not in done:
            new = indices.take(old.detach(), held).clone(memory_format=torch.contiguous_format)
            done[id(old)] = nn.Parameter(new, old.requires_grad) if isinstance(old, nn.Parameter) else new
        _put(after, name, done[id(old)])


def _get(module: nn.Module, name: str) -> torch.Tensor:
    owner, _, attribute = name.rpartition(".")
    return getattr(module.get_submodule(owner), attribute)  # type: ignore[no-any-return]


def _put(module: nn.Module, name: str, tensor: torch.Tensor) -> None:
    owner, _, attribute = name.rpartition(".")
    setattr(module.get_submodule(owner), attribute, tensor)
