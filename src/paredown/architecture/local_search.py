"""Hill climbing with restarts."""

import dataclasses

from paredown.architecture.strategy import split
from paredown.recipe.settings import whole
from paredown.recipe.strategy import C, History, Proposal, SearchSpace, Strategy, draws, given

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

    def ask(self, space: SearchSpace[C], history: History[C], seed: int) -> Proposal[C] | None:
        """See `Strategy.ask`; where the search stands follows from all answers so far."""
        first = given(space, history)
        if first is not None:
            return first
        start, later = split(space, history)
        here, failures = next(iter(start), None), 0
        for there in later:
            if here is None or failures >= self.patience:
                here, failures = there, 0
                continue
            failures = 0 if there.rank < here.rank else failures + 1
            here = there if there.rank <= here.rank else here
        draw = draws(seed, history)
        if here is None or failures >= self.patience:
            return space.sample(draw)
        return space.mutate(here.proposal, draw)
