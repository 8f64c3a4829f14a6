"""The control that every search has to beat."""

import dataclasses

from paredown.architecture.problem import Problem
from paredown.architecture.strategy import Strategy

__all__ = ["RandomSearch"]


@dataclasses.dataclass(frozen=True)
class RandomSearch(Strategy):
    """Random candidates within the limits.

    Li, Talwalkar: "Random search and reproducibility for neural architecture search", UAI 2019, arXiv:1902.07638.
    """

    def search(self, problem: Problem) -> None:
        """See `Strategy.search`."""
        while problem.left:
            problem.evaluate(problem.sample())
