"""How a search asks for candidates: one contract for recipes and for architectures.

A `Strategy` is pure: what it proposes follows from the space, the history and the seed alone. Nothing is told to it;
outcomes and failures are `Answer`s in the history, so that a run which is taken up again asks as if it had not been
interrupted, and any strategy can be swapped for another.
"""

import abc
import dataclasses
import math
from collections.abc import Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from paredown.recipe.move import Between, Options

__all__ = ["Answer", "Proposal", "SearchSpace", "Strategy", "draws", "given", "propose"]

C = TypeVar("C", bound=Hashable)

Point = Mapping[str, Any]
"""Values by the name of a dimension: of `Options` the position among them, of `Between` the number."""


def _origin() -> Point:
    return MappingProxyType({})


@dataclasses.dataclass(frozen=True)
class Proposal(Generic[C]):
    """A candidate, and the point of the space's dimensions that it was built from.

    Attributes:
        candidate: what is to be evaluated.
        point: empty where the space has no dimensions.

    """

    candidate: C
    point: Point = dataclasses.field(default_factory=_origin)


@dataclasses.dataclass(frozen=True)
class Answer(Generic[C]):
    """What became of a proposal.

    Attributes:
        proposal: what was asked for.
        values: what is to be small, most important first; empty where the candidate failed.
        violations: for each limit by how much it is missed; 0 or less where it is met.
        repeated: the candidate had been answered before, and was not evaluated again.

    """

    proposal: Proposal[C]
    values: tuple[float, ...] = ()
    violations: Mapping[str, float] = dataclasses.field(default_factory=_origin)
    repeated: bool = False

    @property
    def candidate(self) -> C:
        """What was proposed."""
        return self.proposal.candidate

    @property
    def failed(self) -> bool:
        """There is no outcome."""
        return not self.values

    @property
    def feasible(self) -> bool:
        """It has an outcome within all limits."""
        return not self.failed and all(over <= 0 for over in self.violations.values())

    @property
    def rank(self) -> tuple[float, ...]:
        """Sorts answers from best to worst: what is missed of the limits, then the values; failures last."""
        if self.failed:
            return (math.inf,)
        return (sum(max(0.0, over) for over in self.violations.values()), *self.values)


History = Sequence[Answer[C]]


class SearchSpace(Protocol[C]):
    """What can be proposed."""

    @property
    def evaluations(self) -> float:
        """How many candidates will be evaluated at most; infinite where nobody knows."""

    @property
    def dimensions(self) -> Mapping[str, Options | Between]:
        """What a candidate can be built from, for strategies that model the space."""

    def given(self, history: History[C]) -> Sequence[Proposal[C]]:
        """The first proposals, as far as the history decides them; what is given stays given as the history grows."""

    def build(self, point: Point) -> Proposal[C]:
        """The candidate nearest to a point of the dimensions."""

    def sample(self, draw: np.random.Generator) -> Proposal[C]:
        """A random candidate."""

    def mutate(self, proposal: Proposal[C], draw: np.random.Generator) -> Proposal[C]:
        """A random neighbour."""


@dataclasses.dataclass(frozen=True)
class Strategy(abc.ABC):
    """Base of everything that decides what is tried next. Subclasses are final frozen dataclasses."""

    @abc.abstractmethod
    def ask(self, space: SearchSpace[C], history: History[C], seed: int) -> Proposal[C] | None:
        """The next proposal: the same for the same space, history and seed.

        It may have been made before: then its answer joins the history once more, marked `Answer.repeated`, and the
        strategy is asked again.

        Returns:
            None where there is nothing to propose.

        """


def draws(seed: int, history: History[C]) -> np.random.Generator:
    """The random numbers of one ask."""
    return np.random.default_rng([abs(seed), int(seed < 0), len(history)])


def given(space: SearchSpace[C], history: History[C]) -> Proposal[C] | None:
    """The first proposal of the space that was not made yet; None where all were."""
    return next(iter(space.given(history)[len(history) :]), None)


def propose(
    strategy: Strategy, space: SearchSpace[C], history: list[Answer[C]], seed: int, tries: int
) -> Proposal[C] | None:
    """Ask for a candidate that is not in the history; those that are join it once more.

    Args:
        strategy: to be asked.
        space: what can be proposed.
        history: gets an answer for every proposal that was made before.
        seed: of the search.
        tries: so many known candidates in a row mean that there is nothing new.

    Returns:
        None where there is nothing new.

    """
    for _ in range(tries):
        proposal = strategy.ask(space, history, seed)
        if proposal is None:
            return None
        known = next((answer for answer in history if answer.candidate == proposal.candidate), None)
        if known is None:
            return proposal
        history.append(dataclasses.replace(known, proposal=proposal, repeated=True))
    return None
