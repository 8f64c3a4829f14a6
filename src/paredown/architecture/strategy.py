"""How the space is searched."""

import abc
import dataclasses

from paredown.architecture.problem import Problem
from paredown.architecture.space import Candidate

__all__ = ["Strategy", "equal_shares"]


@dataclasses.dataclass(frozen=True)
class Strategy(abc.ABC):
    """Base of every search strategy. Subclasses are final frozen dataclasses."""

    @abc.abstractmethod
    def search(self, problem: Problem) -> None:
        """Evaluate candidates until ``problem.left`` is 0, at least one that is feasible; the problem remembers them."""


def equal_shares(problem: Problem) -> list[Candidate]:
    """Where guided searches start: equal shares everywhere, with all blocks and without the few that are missed least.

    Every block is left out alone first, to see how much it is missed; at most half of the evaluations go into this.
    The candidates that are returned were evaluated and keep the limits.
    """
    space = problem.space
    budget = problem.left // 2
    harm: dict[int, float] = {}
    if len(space.blocks) <= budget // 2:
        for position in range(len(space.blocks) if space.most else 0):
            if problem.over():
                break
            dropped = tuple(i == position for i in range(len(space.blocks)))
            harm[position] = problem.evaluate(dataclasses.replace(space.whole, dropped=dropped))
    order = sorted(harm, key=harm.__getitem__)
    start: list[Candidate] = []
    for number in range(min(len(order), space.most) + 1):
        if start and problem.over():
            break
        gone = set(order[:number])
        candidate = problem.uniform(tuple(i in gone for i in range(len(space.blocks))))
        if candidate is not None and len(problem.seen) < budget + 1:
            problem.evaluate(candidate)
            start.append(candidate)
    if not start:
        start.append(problem.smallest())
        problem.evaluate(start[0])
    return start
