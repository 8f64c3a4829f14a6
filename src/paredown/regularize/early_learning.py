"""Holding on to what was learned before wrong labels are memorised."""

import dataclasses

import torch
from torch.nn import functional

from paredown.errors import RecipeError
from paredown.recipe.ingredient import Hook, Ingredient, Step, TrainContext
from paredown.recipe.settings import above_zero, require
from paredown.regularize import labels

__all__ = ["EarlyLearning"]

_EDGE = 1e-4


@dataclasses.dataclass(frozen=True)
class EarlyLearning(Ingredient):
    """Pull outputs to their own running mean, example by example (Liu et al. 2020, arXiv:2007.00151, equation 6).

    Against wrong labels: networks learn the right ones first. Every training example i has a target t_i, 0 at first,
    that follows the network's probabilities p_i: ``t_i = momentum * t_i + (1 - momentum) * p_i``. The term is
    ``strength * mean of log(1 - <p_i, t_i>)``; probabilities are kept between 0.0001 and 0.9999. It holds one number
    per training example and class in memory. Mixed examples (Mixup, CutMix) count as the first of the two.

    Attributes:
        strength: of the term, above 0.
        momentum: share of the running mean that is kept, from 0 to below 1.

    """

    strength: float = 3.0
    momentum: float = 0.7

    def __post_init__(self) -> None:
        above_zero(self, "strength")
        require(lambda momentum: 0.0 <= momentum < 1.0, self, "momentum", "a share that is kept, from 0 to below 1")

    def start(self, context: TrainContext) -> Hook:
        """Make room for a target per training example.

        Raises:
            RecipeError: the targets are no class indices, or there are several per example.

        """
        labels.require(context, "regularize.EarlyLearning remembers probabilities of classes")
        outputs = context.probe().outputs
        if outputs.ndim != 2:
            msg = (
                "regularize.EarlyLearning remembers one set of probabilities per example, and the outputs for two "
                f"examples have the shape {list(outputs.shape)}. Leave it out of `using`; "
                "`regularize.GeneralizedCrossEntropy()` bears wrong labels at every position."
            )
            raise RecipeError(msg)
        examples = len(context.evidence.work.train)
        return _MemoryHook(self, torch.zeros(examples, outputs.shape[1], device=context.device))


class _MemoryHook(Hook):
    def __init__(self, settings: EarlyLearning, memory: torch.Tensor) -> None:
        self._settings = settings
        self._memory = memory
        self._step = -1

    def term(self, step: Step) -> torch.Tensor:
        probabilities = functional.softmax(step.outputs.float(), 1).clamp(_EDGE, 1.0 - _EDGE)
        rows = step.examples.to(self._memory.device)
        if step.number != self._step:  # once per step, also where it is computed twice
            self._step = step.number
            opinion = probabilities.detach() / probabilities.detach().sum(1, keepdim=True)
            self._memory[rows] = torch.lerp(opinion, self._memory[rows], self._settings.momentum)
        agreement = (probabilities * self._memory[rows]).sum(1)
        return self._settings.strength * torch.log1p(-agreement).mean()
