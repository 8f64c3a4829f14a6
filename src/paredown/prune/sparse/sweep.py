"""One layer after the other, each with what reaches it through the layers that are sparse already."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch

from paredown.graph.network import Network
from paredown.graph.patches import patches
from paredown.graph.walk import Walk
from paredown.prune.sparse.layers import Layer
from paredown.prune.sparse.masking import Masked

if TYPE_CHECKING:
    from paredown.recipe.evidence import Evidence

__all__ = ["sweep"]


@torch.no_grad()
def sweep(  # noqa: PLR0913, PLR0917 (where, and then what)
    network: Network,
    layers: Sequence[Layer],
    evidence: "Evidence",
    examples: int,
    measure: Callable[[torch.Tensor], torch.Tensor],
    solve: Callable[[Layer, torch.Tensor], Masked],
) -> dict[str, Masked]:
    """Decide on the layers in order of execution.

    Args:
        network: left bit-identical; a copy runs in eval mode and is made sparse on the way.
        layers: what to decide on. A weight with several readers is decided on at the last, with the inputs of all.
        evidence: the calibration data.
        examples: of it. Their values at one place of the network are held in memory.
        measure: what of the inputs ``[positions, groups, columns]`` of a batch is added up.
        solve: the decision on a layer, given its sum, on the CPU.

    Raises:
        RecipeError: the evidence has no data.

    """
    scratch = network.copy().eval().to(evidence.device)
    walk = Walk(scratch, list(evidence.calibration(examples, scratch)))
    readers = {name: layer for layer in layers for name in layer.readers}
    sums: dict[str, torch.Tensor] = {}
    found: dict[str, Masked] = {}
    for node in list(scratch.nodes()):
        layer = readers.get(node.name)
        if layer is None:
            continue
        walk.until(node.name)
        for values in walk.value(node.all_input_nodes[0].name):
            part = measure(layer.columns(patches(node, layer.weight.shape, values)))
            sums[layer.name] = part + sums[layer.name] if layer.name in sums else part
        if node.name == layer.readers[-1]:
            made = solve(layer, sums.pop(layer.name).cpu())
            values = layer.weight if made.weight is None else made.weight
            scratch.get_parameter(layer.name).copy_(values.where(made.keep, 0.0))
            found[layer.name] = made
            evidence.progress.update(f"making {layer.name} sparse", len(found), len(layers))
    return found
