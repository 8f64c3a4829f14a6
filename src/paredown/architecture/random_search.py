"""The control that every search has to beat."""

import dataclasses

from paredown.recipe.strategy import C, History, Proposal, SearchSpace, Strategy, draws

__all__ = ["RandomSearch"]


@dataclasses.dataclass(frozen=True)
class RandomSearch(Strategy):
    """Random candidates within the limits.

    Li, Talwalkar: "Random search and reproducibility for neural architecture search", UAI 2019, arXiv:1902.07638.
    """

    def ask(self, space: SearchSpace[C], history: History[C], seed: int) -> Proposal[C]:
        """See `Strategy.ask`."""
        return space.sample(draws(seed, history))
