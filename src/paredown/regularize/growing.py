"""Weight decay that grows on what is to go."""

import dataclasses
from collections.abc import Sequence

import torch

from paredown.graph.network import Network
from paredown.recipe.ingredient import Hook, Ingredient, TrainContext, Update
from paredown.recipe.settings import above_zero, require, share, whole
from paredown.regularize.coupled import Slices, coupled

__all__ = ["GReg"]


@dataclasses.dataclass(frozen=True)
class GReg(Ingredient):
    """Growing regularization: an L2 penalty that rises step by step on the slices that are to be cut, and only there.

    When training starts, the slices with the smallest ``|w|_1`` of every coupled group are chosen, the share
    ``1 - keep`` of it (of every head of its own where that is a choice). At step t of T each chosen slice is multiplied
    by ``1 - lr * l_t`` with ``l_t = strength * min(1, u / (ramp * T))`` and ``u`` the last multiple of `every` up to t: the
    gradient step of ``l_t / 2 * |w|^2``. The network moves what they do elsewhere while it still can, and a cut afterwards
    (``prune.Channels`` with ``prune.L1`` or ``prune.L2``) finds them small.

    Wang, Qin, Zhang, Fu: "Neural pruning via growing regularization", ICLR 2021, arXiv:2012.09243 (GReg-1).

    Attributes:
        keep: share of the indices of every group that are left alone, above 0 and below 1.
        strength: of the penalty when it is full, per step and unit of learning rate, above 0; the authors, who train for
            much longer, go up to 1.
        every: steps after which it grows.
        ramp: share of the training after which it is full, above 0 and at most 1.

    """

    keep: float = 0.5
    strength: float = 10.0
    every: int = 5
    ramp: float = 0.5

    def __post_init__(self) -> None:
        share(self, "keep")
        above_zero(self, "strength")
        whole(self, "every", what="a whole number of steps, at least 1")
        require(lambda ramp: 0.0 < ramp <= 1.0, self, "ramp", "a share of the training above 0 and up to 1")

    def start(self, context: TrainContext) -> Hook:
        """Choose the slices.

        Raises:
            RecipeError: the network has no group that can be cut.

        """
        return _GrowingHook(self, coupled(context.network, "regularize.GReg"))


class _GrowingHook(Hook):
    def __init__(self, settings: GReg, groups: Sequence[Slices]) -> None:
        self._settings = settings
        self._chosen = [(slices, _smallest(slices, settings.keep)) for slices in groups]
        self._done = self._reached = 0.0
        self._shrink = 0.0

    def before_step(self, update: Update) -> None:
        settings = self._settings
        if update.number % settings.every == 0:
            self._reached = self._done
        self._done = update.done
        grown = settings.strength * min(1.0, self._reached / settings.ramp)
        self._shrink = min(1.0, update.lr * grown)

    @torch.no_grad()
    def after_step(self, network: Network) -> None:  # noqa: ARG002 (its weights are known)
        for slices, chosen in self._chosen:
            slices.scale(1.0 - self._shrink * chosen)


@torch.no_grad()
def _smallest(slices: Slices, keep: float) -> torch.Tensor:
    """1 for every index that is to go, ``[count]``."""
    norms = slices.sums(torch.abs).reshape(slices.group.outer or 1, slices.group.size)
    gone = norms.shape[1] - max(1, round(keep * norms.shape[1]))
    lowest = norms.argsort(dim=1, stable=True)[:, :gone]
    return torch.zeros_like(norms).scatter_(1, lowest, 1.0).flatten()
