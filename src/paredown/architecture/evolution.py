"""Regularized evolution."""

import dataclasses

from paredown.architecture.strategy import split
from paredown.recipe.settings import require, whole
from paredown.recipe.strategy import C, History, Proposal, SearchSpace, Strategy, draws, given

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

    def ask(self, space: SearchSpace[C], history: History[C], seed: int) -> Proposal[C] | None:
        """See `Strategy.ask`."""
        first = given(space, history)
        if first is not None:
            return first
        start, later = split(space, history)
        size = self._size(space, history, len(start))
        alive = [*reversed(start[:size]), *later][-size:]
        draw = draws(seed, history)
        if len(alive) < size:
            return space.sample(draw)
        drawn = draw.choice(len(alive), size=min(self.tournament, len(alive)), replace=False)
        parent = min((alive[int(i)] for i in drawn), key=lambda answer: answer.rank)
        return space.mutate(parent.proposal, draw)

    def _size(self, space: SearchSpace[C], history: History[C], known: int) -> int:
        used = len({answer.candidate for answer in history[: len(space.given(history))]})
        return int(max(2, min(self.population, (space.evaluations - used + known) // 3)))
