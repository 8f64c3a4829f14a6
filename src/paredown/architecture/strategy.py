"""How the space is searched."""

import abc
import dataclasses
from collections.abc import Sequence

from paredown.architecture.problem import Problem
from paredown.architecture.space import Candidate

__all__ = ["Strategy"]


@dataclasses.dataclass(frozen=True)
class Strategy(abc.ABC):
    """Base of every search strategy. Subclasses are final frozen dataclasses."""

    @abc.abstractmethod
    def search(self, problem: Problem, start: Sequence[Candidate]) -> None:
        """Evaluate candidates of a problem until ``problem.left`` is 0; what was seen stays in the problem.

        Args:
            problem: proposes, evaluates and remembers.
            start: candidates that were evaluated already.

        """
