"""Regularized evolution."""

import dataclasses
from collections import deque

from paredown.architecture.problem import Problem
from paredown.architecture.space import Candidate
from paredown.architecture.strategy import Strategy, equal_shares
from paredown.recipe.settings import require, whole

__all__ = ["Evolution"]


@dataclasses.dataclass(frozen=True)
class Evolution(Strategy):
    """Mutate the best of a small sample of the population; the oldest dies, however good it is.

    Real, Aggarwal, Huang, Le: "Regularized evolution for image classifier architecture search", AAAI 2019,
    arXiv:1802.01548. The population never grows over a third of the evaluations.

    Attributes:
        population: number of candidates alive.
        tournament: size of the sample whose best becomes a parent.

    """

    population: int = 24
    tournament: int = 6

    def __post_init__(self) -> None:
        whole(self, "population", least=2)
        what = "a whole number of candidates, between 1 and the population"
        instead = f"Write `architecture.Evolution(tournament={self.population})`."
        require(lambda size: 1 <= size <= self.population and size == int(size), self, "tournament", what, instead)

    def search(self, problem: Problem) -> None:
        """See `Strategy.search`."""
        known = sorted(equal_shares(problem), key=problem.evaluate)
        size = max(2, min(self.population, (problem.left + len(known)) // 3))
        alive = deque(reversed(known[:size]))
        while len(alive) < size and problem.left:
            alive.append(_evaluated(problem, problem.sample()))
        while problem.left and alive:
            drawn = problem.generator.choice(len(alive), size=min(self.tournament, len(alive)), replace=False)
            parent = min((alive[int(i)] for i in drawn), key=problem.seen.__getitem__)
            alive.append(_evaluated(problem, problem.mutate(parent)))
            if len(alive) > size:
                alive.popleft()


def _evaluated(problem: Problem, candidate: Candidate) -> Candidate:
    problem.evaluate(candidate)
    return candidate
