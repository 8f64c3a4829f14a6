"""The search problem that strategies solve: candidates within limits, and a loss for each."""

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np

from paredown.architecture.space import Candidate, Space
from paredown.errors import RecipeError

__all__ = ["Problem"]

_STALE = 100  # proposals in a row that were known already: the space is used up
_FLIP = 0.3  # share of mutations that take a block out or put it back


class Problem:
    """Finds the candidate of least loss among those that cost no more than allowed.

    Args:
        space: what can be chosen.
        limits: share of the original's cost that may remain, by ``macs`` and ``parameters``.
        loss: loss of a candidate; a network that gives no number counts as infinitely bad.
        evaluations: how often `loss` may be asked.
        seed: decides all draws.
        over: whether the time is up; a feasible candidate is found even then.

    Attributes:
        seen: loss of every candidate that was evaluated, in order.
        complete: False once the time was found to be up with evaluations left.

    Raises:
        RecipeError: even the smallest candidate costs too much; the message names the smallest share that can be had.

    """

    def __init__(  # noqa: PLR0913, PLR0917 (what the problem consists of)
        self,
        space: Space,
        limits: Mapping[str, float],
        loss: Callable[[Candidate], float],
        evaluations: int,
        seed: int,
        over: Callable[[], bool] = lambda: False,
    ) -> None:
        self.space = space
        self.generator = np.random.default_rng(seed)
        self.seen: dict[Candidate, float] = {}
        self._loss = loss
        self._left = evaluations
        self._stale = 0
        self._over = over
        self.complete = True
        self._costs: dict[str, Callable[[Candidate], int]] = {"macs": space.macs, "parameters": space.parameters}
        self._limits = {name: share * self._costs[name](space.whole) for name, share in limits.items()}
        self._check(limits)

    def _check(self, limits: Mapping[str, float]) -> None:
        smallest = self.smallest()
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

    @property
    def left(self) -> int:
        """Evaluations that are left; none where nothing new is found any more, or the time is up."""
        if self._left == 0 or self._stale >= _STALE:
            return 0
        late = self.over() and any(self.feasible(candidate) for candidate in self.seen)
        return 0 if late else self._left

    def over(self) -> bool:
        """Whether the time is up."""
        up = self._over()
        self.complete = self.complete and not up
        return up

    @property
    def winner(self) -> Candidate:
        """The best candidate so far; of equal ones the first."""
        return self.ranking()[0]

    def ranking(self) -> list[Candidate]:
        """Feasible candidates, best first."""
        return sorted((c for c in self.seen if self.feasible(c)), key=self.seen.__getitem__)

    def feasible(self, candidate: Candidate) -> bool:
        """Whether a candidate keeps the limits."""
        few = sum(candidate.dropped) <= self.space.most
        return few and all(self._costs[name](candidate) <= limit for name, limit in self._limits.items())

    def evaluate(self, candidate: Candidate) -> float:
        """Loss of a candidate; asked once for the same network, infinite when no evaluations are left."""
        candidate = self.space.canonical(candidate)
        if candidate in self.seen:
            self._stale += 1
        elif self._left > 0:
            self._stale = 0
            self._left -= 1
            loss = self._loss(candidate)
            self.seen[candidate] = loss if math.isfinite(loss) else math.inf
        return self.seen.get(candidate, math.inf)

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

    def sample(self) -> Candidate:
        """A random candidate that keeps the limits and uses them up."""
        widths = tuple(int(self.generator.choice(counts)) for counts in self.space.counts)
        number = int(self.generator.integers(0, self.space.most + 1)) if self.space.blocks else 0
        gone = set(self.generator.permutation(len(self.space.blocks))[:number].tolist())
        dropped = tuple(i in gone for i in range(len(self.space.blocks)))
        return self._fitted(Candidate(widths, dropped), None)

    def mutate(self, candidate: Candidate) -> Candidate:
        """A neighbour: one width or one block is changed, others give way as far as the limits ask for it."""
        space, generator = self.space, self.generator
        if space.blocks and (not space.groups or generator.random() < _FLIP):
            position = int(generator.integers(len(space.blocks)))
            return self._fitted(_flipped(candidate, position), ("block", position))
        position = int(generator.choice(space.alive(candidate) or range(len(space.groups))))
        others = [count for count in space.counts[position] if count != candidate.widths[position]]
        return self._fitted(_widened(candidate, position, int(generator.choice(others))), ("group", position))

    def _fitted(self, candidate: Candidate, gene: tuple[str, int] | None) -> Candidate:
        """Narrow random groups until the limits are kept, then widen random groups while they are; `gene` stays."""
        narrowed = self._narrowed(candidate, gene)
        if narrowed is None and gene is not None:
            narrowed = self._narrowed(candidate, None)
        candidate = narrowed or self.smallest()
        open_ = [i for i in self.space.alive(candidate) if gene != ("group", i)]
        while open_:
            position = open_[int(self.generator.integers(len(open_)))]
            wider = self._moved(candidate, position, 1)
            if wider is not None and self.feasible(wider):
                candidate = wider
            else:  # what does not fit now fits even less once others are wider
                open_.remove(position)
        return self.space.canonical(candidate)

    def _narrowed(self, candidate: Candidate, gene: tuple[str, int] | None) -> Candidate | None:
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
            candidate = moves[int(self.generator.integers(len(moves)))]
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
