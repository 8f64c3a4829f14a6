"""Hill climbing with restarts."""

import dataclasses

from paredown.architecture.problem import Problem
from paredown.architecture.strategy import Strategy, equal_shares
from paredown.recipe.settings import whole

__all__ = ["LocalSearch"]


@dataclasses.dataclass(frozen=True)
class LocalSearch(Strategy):
    """Move to a neighbour whenever it is no worse; start anew from a random candidate when no move helps.

    White, Nolen, Savani: "Exploring the loss landscape in neural architecture search", UAI 2021, arXiv:2005.02960: a
    strong baseline where evaluations carry little noise.

    Attributes:
        patience: neighbours in a row that may be worse before a restart.

    """

    patience: int = 20

    def __post_init__(self) -> None:
        whole(self, "patience")

    def search(self, problem: Problem) -> None:
        """See `Strategy.search`."""
        here = min(equal_shares(problem), key=problem.evaluate)
        value, failures = problem.evaluate(here), 0
        while problem.left:
            there = problem.mutate(here)
            loss = problem.evaluate(there)
            better = loss < value
            if loss <= value:
                here, value = there, loss
            failures = 0 if better else failures + 1
            if failures >= self.patience and problem.left:
                here, failures = problem.sample(), 0
                value = problem.evaluate(here)
