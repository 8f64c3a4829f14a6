"""The search problem that strategies solve: candidates within limits, and a loss for each."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from paredown.architecture.space import Candidate, Space
from paredown.errors import RecipeError
from paredown.recipe.move import Options
from paredown.recipe.strategy import Answer, History, Point, Proposal, Strategy, propose

__all__ = ["Problem", "Solution", "solve"]

_STALE = 100  # proposals in a row that were known already: the space is used up
_FLIP = 0.3  # share of mutations that take a block out or put it back
_BUILT = 0  # seed of the draws that make what was built from a point keep the limits

Gene = tuple[str, int]


class Problem:
    """The candidates of a space that cost no more than allowed: a `paredown.recipe.strategy.SearchSpace`.

    Args:
        space: what can be chosen.
        limits: share of the original's cost that may remain, by ``macs`` and ``parameters``.
        evaluations: how many candidates will be evaluated.

    Raises:
        RecipeError: even the smallest candidate costs too much; the message names the smallest share that can be had.

    """

    def __init__(self, space: Space, limits: Mapping[str, float], evaluations: int) -> None:
        self.space = space
        self.evaluations: float = evaluations
        self._costs: dict[str, Callable[[Candidate], int]] = {"macs": space.macs, "parameters": space.parameters}
        self._limits = {name: share * self._costs[name](space.whole) for name, share in limits.items()}
        self._alone = self._without_one()
        self._starts: dict[tuple[int, ...], tuple[Candidate, ...]] = {}
        self._check(limits)

    def _check(self, limits: Mapping[str, float]) -> None:
        smallest = self.smallest() if limits else self.space.whole
        for name, share in limits.items():
            least = self.share(name, smallest)
            if least > share:
                msg = (
                    f"{name}={share} cannot be reached: the smallest network of the space keeps {least:.4f} of the "
                    f"{name}. Ask for {name}={math.ceil(least * 100 + 0.5) / 100:.2f} or more, or widen the space: "
                    "Slim(width=Width(least=0.1), depth=Depth())."
                )
                raise RecipeError(msg)

    def smallest(self) -> Candidate:
        """Every group at its least width, and the blocks gone whose removal saves most."""
        space = self.space
        narrow = Candidate(tuple(counts[0] for counts in space.counts), space.whole.dropped)
        while sum(narrow.dropped) < space.most:
            options = [_flipped(narrow, i) for i, gone in enumerate(narrow.dropped) if not gone]
            narrow = min(options, key=lambda option: (space.macs(option), space.parameters(option)))
        return space.canonical(narrow)

    def share(self, quantity: str, candidate: Candidate) -> float:
        """What a candidate needs of ``macs`` or ``parameters``, as a share of the whole network's."""
        return self._costs[quantity](candidate) / max(1, self._costs[quantity](self.space.whole))

    def feasible(self, candidate: Candidate) -> bool:
        """Whether a candidate keeps the limits."""
        few = sum(candidate.dropped) <= self.space.most
        return few and all(self._costs[name](candidate) <= limit for name, limit in self._limits.items())

    def excess(self, candidate: Candidate) -> dict[str, float]:
        """By how much a candidate misses each limit, as a share of it; 0 or less where it keeps it."""
        over = {name: self._costs[name](candidate) / max(1.0, limit) - 1.0 for name, limit in self._limits.items()}
        return {**over, "blocks": float(sum(candidate.dropped) - self.space.most)}

    # -- the first proposals

    def given(self, history: History[Candidate]) -> Sequence[Proposal[Candidate]]:
        """Where guided searches start: equal shares everywhere, with all blocks and without the few missed least.

        Every block is left out alone first, to see how much it is missed; at most half of the evaluations go into this.
        """
        alone = self._alone
        if len(history) < len(alone):
            return [Proposal(candidate) for candidate in alone]
        harm = [history[position].rank for position in range(len(alone))]
        order = tuple(sorted(range(len(alone)), key=harm.__getitem__))
        if order not in self._starts:
            self._starts[order] = tuple(self._equal_shares(order))
        return [Proposal(candidate) for candidate in (*alone, *self._starts[order])]

    def _without_one(self) -> list[Candidate]:
        """The whole network without one block, for every block, where there are evaluations for that."""
        space = self.space
        if not space.most or len(space.blocks) > self.evaluations // 4:
            return []
        return [space.canonical(_flipped(space.whole, position)) for position in range(len(space.blocks))]

    def _equal_shares(self, order: Sequence[int]) -> list[Candidate]:
        known, found = set(self._alone), list[Candidate]()
        for number in range(min(len(order), self.space.most) + 1):
            gone = set(order[:number])
            candidate = self.uniform(tuple(i in gone for i in range(len(self.space.blocks))))
            if candidate is not None and len(known) < self.evaluations // 2 + 1:
                known.add(candidate)
                found.append(candidate)
        return found or [self.smallest()]

    def uniform(self, dropped: tuple[bool, ...]) -> Candidate | None:
        """The widest candidate without these blocks that has the same share everywhere and keeps the limits."""
        for step in range(256, -1, -1):
            widths = tuple(
                max((count for count in counts if count <= counts[-1] * step / 256), default=counts[0])
                for counts in self.space.counts
            )
            candidate = self.space.canonical(Candidate(widths, dropped))
            if self.feasible(candidate):
                return candidate
        return None

    # -- proposals that are drawn

    @property
    def dimensions(self) -> Mapping[str, Options]:
        """The width of every group, and whether each block goes."""
        space = self.space
        widths = {
            f"width of {group.name}": Options(counts[::-1])
            for group, counts in zip(space.groups, space.counts, strict=True)
        }
        return {**widths, **{f"without {block.name}": Options((False, True)) for block in space.blocks}}

    def build(self, point: Point) -> Proposal[Candidate]:
        """The candidate at a point, made to keep the limits."""
        values = [options.values[point[name]] for name, options in self.dimensions.items()]
        count = len(self.space.groups)
        candidate = Candidate(tuple(values[:count]), tuple(values[count:]))
        return Proposal(self._fitted(candidate, None, np.random.default_rng(_BUILT)), point)

    def sample(self, draw: np.random.Generator) -> Proposal[Candidate]:
        """A random candidate that keeps the limits and uses them up."""
        widths = tuple(int(draw.choice(counts)) for counts in self.space.counts)
        number = int(draw.integers(0, self.space.most + 1)) if self.space.blocks else 0
        gone = set(draw.permutation(len(self.space.blocks))[:number].tolist())
        dropped = tuple(i in gone for i in range(len(self.space.blocks)))
        return Proposal(self._fitted(Candidate(widths, dropped), None, draw))

    def mutate(self, proposal: Proposal[Candidate], draw: np.random.Generator) -> Proposal[Candidate]:
        """A neighbour: one width or one block is changed, others give way as far as the limits ask for it."""
        space, candidate = self.space, proposal.candidate
        if space.blocks and (not space.groups or draw.random() < _FLIP):
            position = int(draw.integers(len(space.blocks)))
            return Proposal(self._fitted(_flipped(candidate, position), ("block", position), draw))
        position = int(draw.choice(space.alive(candidate) or range(len(space.groups))))
        others = [count for count in space.counts[position] if count != candidate.widths[position]]
        changed = _widened(candidate, position, int(draw.choice(others)))
        return Proposal(self._fitted(changed, ("group", position), draw))

    def _fitted(self, candidate: Candidate, gene: Gene | None, draw: np.random.Generator) -> Candidate:
        """Narrow random groups until the limits are kept, then widen random groups while they are; `gene` stays."""
        narrowed = self._narrowed(candidate, gene, draw)
        if narrowed is None and gene is not None:
            narrowed = self._narrowed(candidate, None, draw)
        candidate = narrowed or self.smallest()
        open_ = [i for i in self.space.alive(candidate) if gene != ("group", i)]
        while open_:
            position = open_[int(draw.integers(len(open_)))]
            wider = self._moved(candidate, position, 1)
            if wider is not None and self.feasible(wider):
                candidate = wider
            else:  # what does not fit now fits even less once others are wider
                open_.remove(position)
        return self.space.canonical(candidate)

    def _narrowed(self, candidate: Candidate, gene: Gene | None, draw: np.random.Generator) -> Candidate | None:
        while not self.feasible(candidate):
            moves = [
                move
                for i in self.space.alive(candidate)
                if gene != ("group", i) and (move := self._moved(candidate, i, -1)) is not None
            ]
            if not moves and sum(candidate.dropped) < self.space.most:
                moves = [
                    _flipped(candidate, i)
                    for i, gone in enumerate(candidate.dropped)
                    if not gone and gene != ("block", i)
                ]
            if not moves:
                return None
            candidate = moves[int(draw.integers(len(moves)))]
        return candidate

    def _moved(self, candidate: Candidate, position: int, step: int) -> Candidate | None:
        counts = self.space.counts[position]
        level = counts.index(candidate.widths[position]) + step
        return _widened(candidate, position, counts[level]) if 0 <= level < len(counts) else None


def _flipped(candidate: Candidate, position: int) -> Candidate:
    dropped = list(candidate.dropped)
    dropped[position] = not dropped[position]
    return dataclasses.replace(candidate, dropped=tuple(dropped))


def _widened(candidate: Candidate, position: int, width: int) -> Candidate:
    widths = list(candidate.widths)
    widths[position] = width
    return dataclasses.replace(candidate, widths=tuple(widths))


@dataclasses.dataclass(frozen=True)
class Solution:
    """What a strategy has found.

    Attributes:
        history: every proposal, in order.
        complete: False where the time was up with evaluations left.

    """

    history: tuple[Answer[Candidate], ...]
    complete: bool = True

    @property
    def losses(self) -> dict[Candidate, float]:
        """Loss of every candidate that was evaluated, in order."""
        return {answer.candidate: answer.values[0] for answer in self.history if not answer.repeated}

    def ranking(self) -> list[Candidate]:
        """Candidates within the limits, best first; of equal ones the first that was found."""
        within = [answer for answer in self.history if answer.feasible and not answer.repeated]
        return [answer.candidate for answer in sorted(within, key=lambda answer: answer.values)]


def solve(
    problem: Problem,
    strategy: Strategy,
    loss: Callable[[Candidate], float],
    seed: int,
    over: Callable[[], bool] = lambda: False,
) -> Solution:
    """Let a strategy look for the candidate of least loss.

    Args:
        problem: what may be proposed.
        strategy: proposes.
        loss: of a candidate; a network that gives no number counts as infinitely bad.
        seed: decides all draws.
        over: whether the time is up; a candidate within the limits is found even then.

    """
    history: list[Answer[Candidate]] = []

    def evaluate(proposal: Proposal[Candidate]) -> None:
        value = loss(proposal.candidate)
        value = value if math.isfinite(value) else math.inf
        history.append(Answer(proposal, (value,), problem.excess(proposal.candidate)))

    late = False
    while sum(not answer.repeated for answer in history) < problem.evaluations:
        late = over()
        proposal = None if late else propose(strategy, problem, history, seed, _STALE)
        if proposal is None:
            break
        evaluate(proposal)
    if not any(answer.feasible for answer in history):
        evaluate(Proposal(problem.uniform(problem.space.whole.dropped) or problem.smallest()))
    return Solution(tuple(history), complete=not late)
