"""Two passes that have to agree."""

import dataclasses

import torch
from torch import fx
from torch.nn import functional

from paredown.errors import RecipeError
from paredown.graph.network import Network
from paredown.recipe.ingredient import Hook, Ingredient, Step, TrainContext
from paredown.recipe.settings import above_zero
from paredown.regularize import labels

__all__ = ["RDrop"]


@dataclasses.dataclass(frozen=True)
class RDrop(Ingredient):
    """Make two passes with other dropout agree (R-Drop; Liang et al. 2021, arXiv:2106.14448, equations 2 to 4).

    Every batch runs twice. The term is ``strength / 4 * (KL(p || q) + KL(q || p))``, p and q the softmax of the two
    outputs, averaged over examples and positions; the task's loss is that of the first pass. This is half of the
    paper's objective in expectation, which takes the task's loss of both passes. Places whose target is none of the
    classes do not count. A step costs two forward passes.

    Attributes:
        strength: the paper's alpha, above 0; 1 to 5 there.

    """

    strength: float = 1.0

    def __post_init__(self) -> None:
        above_zero(self, "strength")

    def start(self, context: TrainContext) -> Hook:
        """Look for classes and for something that differs between two passes.

        Raises:
            RecipeError: the targets are no class indices, or the network draws no random numbers while training.

        """
        axis = labels.require(context, "regularize.RDrop compares probabilities of classes")
        if not _draws(context.network):
            msg = (
                "regularize.RDrop compares two passes with other dropout, and this network has none, so both are the "
                "same. Put some in before it: `using=[regularize.Dropout(), regularize.RDrop()]`."
            )
            raise RecipeError(msg)
        return _AgreeHook(self.strength, axis)


def _draws(network: Network) -> bool:
    return any(
        (node.op == "call_module" and node.meta.get("draws", True))
        or (isinstance(node.target, torch._ops.OpOverload) and _random(node, node.target))
        for node in network.nodes()
    )


def _random(node: fx.Node, target: torch._ops.OpOverload) -> bool:
    if target is torch.ops.aten.scaled_dot_product_attention.default:
        return bool(node.args[4] if len(node.args) > 4 else node.kwargs.get("dropout_p"))
    return torch.Tag.nondeterministic_seeded in target.tags or "dropout" in target._schema.name


class _AgreeHook(Hook):
    def __init__(self, strength: float, axis: int) -> None:
        self._strength = strength
        self._axis = axis

    def term(self, step: Step) -> torch.Tensor:
        p = functional.log_softmax(step.outputs.float(), self._axis)
        q = functional.log_softmax(step.forward(step.inputs).float(), self._axis)
        both = ((p.exp() - q.exp()) * (p - q)).sum(self._axis)
        return 0.25 * self._strength * labels.mean(both, step.targets[0][1], p.shape[self._axis])
