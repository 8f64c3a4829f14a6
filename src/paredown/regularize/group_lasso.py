"""Whole slices pulled to exactly 0."""

import dataclasses
from collections.abc import Sequence

import torch

from paredown.graph.network import Network
from paredown.recipe.ingredient import Hook, Ingredient, TrainContext, Update
from paredown.recipe.settings import above_zero
from paredown.regularize.coupled import Slices, coupled

__all__ = ["GroupLasso"]


@dataclasses.dataclass(frozen=True)
class GroupLasso(Ingredient):
    """Pull slices of coupled weights to 0, so that a cut afterwards (``prune.Channels``) takes little away.

    The penalty is ``strength * sum over slices of sqrt(p) |w|`` with w all weights that leave the network when one index
    of a coupled group is cut and p their number: filters that produce a channel together with what consumes it. After
    the optimizer's step every slice takes the proximal one, ``w * max(0, 1 - lr * strength * sqrt(p) / |w|)``, group
    after group: a weight lies in a slice of its inputs and in one of its outputs. Unlike a gradient it reaches 0
    exactly and does not pass through the optimizer's scaling.

    Yuan, Lin, "Model selection and estimation in regression with grouped variables", 2006; of networks: Wen, Wu, Wang,
    Chen, Li, "Learning structured sparsity in deep neural networks", NIPS 2016, arXiv:1608.03665; of coupled groups:
    Fang et al., "DepGraph", CVPR 2023, arXiv:2301.12900.

    Attributes:
        strength: per step and unit of learning rate, above 0.

    """

    strength: float = 0.01

    def __post_init__(self) -> None:
        above_zero(self, "strength")

    def start(self, context: TrainContext) -> Hook:
        """Find the slices.

        Raises:
            RecipeError: the network has no group that can be cut.

        """
        return _LassoHook(coupled(context.network, "regularize.GroupLasso"), self.strength)


class _LassoHook(Hook):
    def __init__(self, groups: Sequence[Slices], strength: float) -> None:
        self._groups = [(slices, slices.sums(torch.ones_like).sqrt()) for slices in groups]
        self._strength = strength
        self._lr = 0.0

    def before_step(self, update: Update) -> None:
        self._lr = update.lr

    @torch.no_grad()
    def after_step(self, network: Network) -> None:  # noqa: ARG002 (its weights are known)
        for slices, roots in self._groups:
            norms = slices.sums(torch.square).sqrt()
            shrunk = 1.0 - self._lr * self._strength * roots / norms.clamp_min(torch.finfo(norms.dtype).tiny)
            slices.scale(shrunk.clamp_min(0.0))
