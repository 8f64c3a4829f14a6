"""Scales of batch norms pulled to exactly 0."""

import dataclasses
from collections.abc import Sequence

import torch
from torch import fx, nn

from paredown.errors import RecipeError
from paredown.graph.axes import analyse
from paredown.graph.network import Network
from paredown.recipe.ingredient import Hook, Ingredient, TrainContext, Update
from paredown.recipe.settings import above_zero
from paredown.regularize.coupled import bare

__all__ = ["NetworkSlimming"]


@dataclasses.dataclass(frozen=True)
class NetworkSlimming(Ingredient):
    """L1 on the scales of batch norms, so that they tell which channels to cut (``prune.BatchNormScale``).

    The penalty is ``strength * sum of |gamma|`` over the batch norms on groups that can be cut. After the optimizer's
    step every scale takes the proximal one, ``sign(gamma) * max(|gamma| - lr * strength, 0)``, where the paper takes the
    subgradient: it reaches 0 exactly and does not pass through the optimizer's scaling.

    Liu, Li, Shen, Huang, Yan, Zhang: "Learning efficient convolutional networks through network slimming", ICCV 2017,
    arXiv:1708.06519 (equation 1).

    Attributes:
        strength: per step and unit of learning rate, above 0; the paper takes 0.0001 for 160 epochs of SGD at 0.1.

    """

    strength: float = 0.1

    def __post_init__(self) -> None:
        above_zero(self, "strength")

    def start(self, context: TrainContext) -> Hook:
        """Find the scales.

        Raises:
            RecipeError: the network has no batch norm with a scale on a group that can be cut.

        """
        network = context.network
        parameters = dict(network.named_parameters())
        given = [node.args[1] for node in network.nodes() if node.target is torch.ops.aten.batch_norm.default]
        scales = {str(scale.target) for scale in given if isinstance(scale, fx.Node) and scale.op == "get_attr"}
        cuttable = {carrier.name for group in analyse(bare(network)).free for carrier in group.carriers}
        found = [p for name, p in parameters.items() if name in scales & cuttable and p.requires_grad]
        if not found:
            msg = (
                "regularize.NetworkSlimming works on scales of batch norms on groups that can be cut, and this network "
                "has none: the model has no batch norms, or they were folded. Write `regularize.GroupLasso()`."
            )
            raise RecipeError(msg)
        return _SlimmingHook(found, self.strength)


class _SlimmingHook(Hook):
    def __init__(self, scales: Sequence[nn.Parameter], strength: float) -> None:
        self._scales = scales
        self._strength = strength
        self._lr = 0.0

    def before_step(self, update: Update) -> None:
        self._lr = update.lr

    @torch.no_grad()
    def after_step(self, network: Network) -> None:  # noqa: ARG002 (its scales are known)
        for scale in self._scales:
            scale.copy_(torch.nn.functional.softshrink(scale, self._lr * self._strength))
