"""The mean of weights along the end of a training."""

import dataclasses
from collections.abc import Iterator

import torch

from paredown.graph.network import Network
from paredown.graph.statistics import reestimate, write_statistics
from paredown.recipe import batch
from paredown.recipe.ingredient import Hook, Ingredient, TrainContext, Update
from paredown.recipe.randomness import isolated
from paredown.recipe.settings import require, whole

__all__ = ["SWA"]


@dataclasses.dataclass(frozen=True)
class SWA(Ingredient):
    """Return the plain mean of weights from the last part of the training (Izmailov et al. 2018, arXiv:1803.05407).

    One set of weights is taken per epoch, counted back from the last step, and statistics of batch norm are estimated
    anew for the mean (section 3.2). The weights have to keep moving for the mean to be worth something:
    ``Train(schedule=Constant(), early=None)`` with a learning rate of its own. Before the first set is taken, weights are
    as they are.

    Attributes:
        start_at: share of the training after which weights are taken, from 0 to below 1.
        every: steps between two sets; None takes one per epoch.
        examples: of the training data, for the statistics.

    """

    start_at: float = 0.75
    every: int | None = None
    examples: int = 2048

    def __post_init__(self) -> None:
        require(lambda start_at: 0.0 <= start_at < 1.0, self, "start_at", "a share of the training, from 0 to below 1")
        if self.every is not None:
            whole(self, "every", instead="Write `regularize.SWA(every=100)`.")
        whole(self, "examples", what="a whole number of examples, 1 or more")

    def start(self, context: TrainContext) -> Hook:
        """Nothing is taken yet."""
        return _MeanHook(self, context)


class _MeanHook(Hook):
    def __init__(self, settings: SWA, context: TrainContext) -> None:
        self._settings = settings
        self._context = context
        self._every = settings.every or context.steps_per_epoch
        self._due = False
        self._taken = 0
        self._live = [parameter.detach() for parameter in context.network.parameters()]
        self._mean = [parameter.clone() for parameter in self._live]

    def before_step(self, update: Update) -> None:
        self._due = update.done >= self._settings.start_at and update.left % self._every == 0

    @torch.no_grad()
    def after_step(self, network: Network) -> None:  # noqa: ARG002 (its parameters are known)
        if self._due:
            self._taken += 1
            torch._foreach_lerp_(self._mean, self._live, 1.0 / self._taken)

    @torch.no_grad()
    def finish(self, network: Network) -> None:
        if not self._taken:
            return
        torch._foreach_copy_(self._live, self._mean)
        training = network.training
        network.eval()
        with isolated(self._context.seed):
            write_statistics(network, reestimate(network, self._inputs(network)))
        network.train(training)

    def _inputs(self, network: Network) -> Iterator[list[torch.Tensor]]:
        train = self._context.evidence.work.train
        for inputs, _ in train.batches(limit=self._settings.examples, shuffle_seed=self._context.seed):
            yield batch.flat(network, batch.to(self._context.device, inputs))
