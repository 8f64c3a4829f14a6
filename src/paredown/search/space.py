"""The recipes that a search may propose: moves of the families, and their order.

Moves are known by their effects alone; which techniques there are says `paredown.search.catalogue`.
"""

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from paredown.recipe.arm import FamilyArm
from paredown.recipe.move import Between, Effect, Move, Offer, Options, Refusal
from paredown.recipe.order import Recipe
from paredown.recipe.picks import Pick, Picks
from paredown.recipe.situation import Situation
from paredown.recipe.strategy import History, Point, Proposal
from paredown.run.labels import FAMILIES
from paredown.search.catalogue import ARMS, MOVES

__all__ = ["DEPTH", "ROUND", "TRAIN", "WIDTH", "Order", "Proposals", "Slot", "Space"]

Order = tuple[Move, ...]

Slot = frozenset[frozenset[Effect]]
"""What may stand at one place of an order: moves with exactly one of these sets of effects."""


def _slot(*effects: set[Effect]) -> Slot:
    return frozenset(map(frozenset, effects))


WIDTH = _slot({Effect.WIDTH})
DEPTH = _slot({Effect.DEPTH})
ROUND = _slot({Effect.ROUND})
TRAIN = _slot({Effect.TRAIN})
_CUT = _slot({Effect.WIDTH}, {Effect.DEPTH}, {Effect.WIDTH, Effect.DEPTH})

_PATTERNS: tuple[tuple[Slot, ...], ...] = (
    (_CUT, TRAIN, ROUND),
    (_CUT, ROUND, TRAIN),
    (DEPTH, WIDTH, TRAIN, ROUND),
    (TRAIN, WIDTH, TRAIN, ROUND),
    (WIDTH, TRAIN, ROUND, TRAIN),
    (ROUND, TRAIN),
    (TRAIN, ROUND),
    (_CUT, TRAIN),
)
"""Every kind of order that is proposed, most promising first."""

_DROPPED = {Effect.WIDTH, Effect.DEPTH, Effect.ROUND}
_TRICKS = {Effect.DISTURB, Effect.PENALIZE, Effect.AVERAGE}
_USUAL = 0.93  # of the budget is aimed at
_AIM = Between(0.50, 1.0, _USUAL)
_NEAR = 0.1  # how far a neighbour's aim lies, at most


@dataclasses.dataclass(frozen=True)
class Space:
    """What may be proposed for one task, target and choice of families.

    Attributes:
        situation: at the beginning of every recipe.
        families: names out of `FAMILIES`.
        moves: whatever there is.
        arms: of the families, most important first.
        refused: moves that have turned out not to work on this network, with the reasons.

    """

    situation: Situation
    families: frozenset[str] = frozenset(FAMILIES)
    moves: tuple[Move, ...] = MOVES
    arms: tuple[FamilyArm, ...] = ARMS
    refused: Mapping[Move, str] = dataclasses.field(default_factory=dict)
    _answers: dict[Move, Offer | Refusal] = dataclasses.field(
        init=False, default_factory=dict, compare=False, repr=False
    )

    def answer(self, move: Move) -> Offer | Refusal:
        """What a move of the chosen families offers, or why it is not proposed."""
        if move.family in FAMILIES and move.family not in self.families:
            return Refusal(f"The family {move.family} was not asked for.")
        return self.offer(move)

    def offer(self, move: Move) -> Offer | Refusal:
        """What a move of any family offers where it may be made first: at the beginning, or behind a first training."""
        if move not in self._answers:
            self._answers[move] = self._asked(move)
        return self._answers[move]

    def _asked(self, move: Move) -> Offer | Refusal:
        if move in self.refused:
            return Refusal(self.refused[move])
        at = self.situation
        if not move.shapes and not move.has(Effect.TRAIN):
            at = at.at(Picks.of(self.first(Effect.TRAIN)).recipe(at))
        return move.offer(at)

    def offers(self, move: Move) -> bool:
        """Whether a move may be made, whatever family it is of: students belong to several."""
        return isinstance(self.offer(move), Offer)

    def first(self, *effects: Effect) -> Move:
        """The first of all moves that has these effects, whatever family it is of."""
        return next(move for move in self.moves if move.has(*effects))

    def proposed(self, wanted: Callable[[Move], object]) -> tuple[Move, ...]:
        """Moves that are made without being asked for, of those that are wanted; others are not asked for an offer."""
        some = [move for move in self.moves if move.default and wanted(move)]
        return tuple(move for move in some if isinstance(self.answer(move), Offer))

    def impossible(self) -> dict[Move, str]:
        """Moves of the chosen families that would be made without being asked for, and why they cannot be made here."""
        wanted = [move for move in self.moves if move.default and move.family in {*self.families, "train"}]
        return {move: answer.reason for move in wanted if isinstance(answer := self.offer(move), Refusal)}

    def matching(self, *pattern: Slot) -> tuple[Order, ...]:
        """Orders of proposed moves that have the effects of a pattern, one after the other."""
        return tuple(itertools.product(*map(self._filling, pattern)))

    def _filling(self, slot: Slot) -> tuple[Move, ...]:
        return self.proposed(lambda move: move.effects in slot)

    def orders(self) -> tuple[Order, ...]:
        """Combinations that may be proposed, most promising first."""
        return tuple(order for pattern in _PATTERNS for order in self.matching(*pattern))

    def teacher(self) -> tuple[Pick, ...]:
        """Distillation from the original, where it may be used."""
        return self._having({Effect.TEACH})

    def usings(self) -> tuple[tuple[Pick, ...], ...]:
        """What takes part in trainings: nothing, a teacher, a teacher and an average, regularization."""
        teacher = self.teacher()
        averaged = (*teacher, *self._having({Effect.AVERAGE}))
        return tuple(dict.fromkeys([(), teacher, averaged, self._having(_TRICKS)]))

    def _having(self, effects: set[Effect]) -> tuple[Pick, ...]:
        return tuple(map(Pick, self.proposed(lambda move: move.effects & effects)))

    def recipe(self, picks: Picks) -> Recipe:
        """Steps of a candidate."""
        return picks.recipe(self.situation)

    def before(self, picks: Picks) -> Recipe:
        """Transforms that make the network which the longest training of a candidate trains."""
        return self.recipe(Picks(picks.picks[: picks.main]).shape())

    def dial(self, move: Move) -> Options | Between | None:
        """Shares of the network that a move can leave here; None for moves without a size, and those not to be made."""
        answer = self.offer(move)
        return answer.settings.get(move.dial) if move.dial and isinstance(answer, Offer) else None

    def least(self, picks: Picks) -> float:
        """The smallest share of the network that all cuts of a candidate together can leave, each its equal part."""
        least = [dial.least for pick in picks.cuts if (dial := self.dial(pick.move)) is not None]
        return float(max(least, default=1.0) ** len(least))

    def without(self, move: Move, reason: str) -> "Space":
        """The space without a move that failed alone, and without others of its family that do the same."""
        alike = [
            other
            for other in self.moves
            if other.family == move.family and other.effects & _DROPPED == move.effects & _DROPPED
        ]
        return dataclasses.replace(self, refused={**self.refused, **dict.fromkeys(alike, reason)})


class Proposals:
    """The recipes of a space as a strategy sees them: a `paredown.recipe.strategy.SearchSpace`.

    A point says in which order what is done, which part of the budget is aimed at, the settings of all moves (those of
    moves that the order does not have count for nothing), and what takes part in trainings.

    Args:
        space: what may be proposed.
        share: for a candidate and an aim (part of the budget to be used, 1 all of it) the share of the network that
            meets it; 0 where none does.

    """

    def __init__(self, space: Space, share: Callable[[Picks, float], float]) -> None:
        self.evaluations = float("inf")
        self._share = share
        self._orders = space.orders()
        self._usings = space.usings()
        self._taught = self._usings.index(space.teacher())
        self._settings = _settings(space, self._orders)

    @property
    def dimensions(self) -> Mapping[str, Options | Between]:
        """Order, aim, settings, what takes part in trainings; none where nothing can be proposed."""
        if not self._orders:
            return {}
        settings = {f"{name} of {move.name}": options for (move, name), options in self._settings.items()}
        return {"order": Options(self._orders), "aim": _AIM, **settings, "using": Options(self._usings)}

    def given(self, history: History[Picks]) -> Sequence[Proposal[Picks]]:  # noqa: ARG002 (they depend on nothing)
        """The most promising orders at the size that just meets the budget."""
        return [self.build(point) for point in self._first()]

    def _first(self) -> list[Point]:
        cutting = [index for index, order in enumerate(self._orders) if any(move.cuts for move in order)]
        taught = self._taught
        # Blocks go as a whole: between the last network that fits and the first that does not lies the best one.
        deep = [index for index in cutting if _fits(self._orders[index], (DEPTH, TRAIN, ROUND))]
        aware = [self._at(index) for index, order in enumerate(self._orders) if order[0].effects in ROUND]
        # Channels by their norm, trained plainly and then taught, were better after short trainings than by Taylor.
        first = [self._at(index, using=using) for index in cutting[:1] for using in (0, taught)]
        others = [self._at(index, using=taught, setting=1) for index in cutting[:1]]
        rest = [self._at(index, using=taught) for index in cutting[1:3] if index not in deep]
        both = [self._at(index, aim, using=taught) for aim in (0.93, 1.0, 0.8) for index in deep]
        smaller = [self._at(index, 0.72, using=taught) for index in cutting[:1]]
        return first + both[:2] + others + smaller + aware + both[2:] + rest

    def _at(self, order: int, aim: float = _USUAL, *, using: int = 0, setting: int = 0) -> Point:
        settings = {name: 0 for name in self.dimensions if name not in {"order", "aim", "using"}}
        return {"order": order, "aim": aim, **dict.fromkeys(settings, setting), "using": using}

    def build(self, point: Point) -> Proposal[Picks]:
        """The candidate at a point."""
        order: Order = self._orders[point["order"]]
        picks = Picks(tuple(Pick(move, self._chosen(move, point)) for move in order)).trained(1.0)
        picks = picks.using(self._usings[point["using"]])
        return Proposal(picks.sized(self._share(picks, point["aim"])), point)

    def _chosen(self, move: Move, point: Point) -> dict[str, Any]:
        return {
            name: options.values[point[f"{name} of {move.name}"]]
            for (owner, name), options in self._settings.items()
            if owner == move
        }

    def sample(self, draw: np.random.Generator) -> Proposal[Picks]:
        """A random recipe."""
        return self.build({name: _drawn(setting, draw) for name, setting in self.dimensions.items()})

    def mutate(self, proposal: Proposal[Picks], draw: np.random.Generator) -> Proposal[Picks]:
        """A recipe that differs in one dimension."""
        dimensions = self.dimensions
        name = str(draw.choice(list(dimensions)))
        value = _moved(dimensions[name], proposal.point[name], draw)
        return self.build({**proposal.point, name: value})


def _settings(space: Space, orders: Sequence[Order]) -> dict[tuple[Move, str], Options]:
    """Settings of moves in orders that leave something to choose; sizes follow the aim, and trainings the time."""
    found: dict[tuple[Move, str], Options] = {}
    for move in dict.fromkeys(move for order in orders for move in order if move.shapes):
        answer = space.offer(move)
        for name, options in answer.settings.items() if isinstance(answer, Offer) else ():
            if name != move.dial and isinstance(options, Options) and len(options.values) > 1:
                found[move, name] = options
    return found


def _fits(order: Order, pattern: Sequence[Slot]) -> bool:
    return len(order) == len(pattern) and all(move.effects in slot for move, slot in zip(order, pattern, strict=True))


def _drawn(setting: Options | Between, draw: np.random.Generator) -> float:
    if isinstance(setting, Options):
        return int(draw.integers(len(setting.values)))
    return float(draw.uniform(setting.least, setting.most))


def _moved(setting: Options | Between, value: float, draw: np.random.Generator) -> float:
    if isinstance(setting, Options):
        return int((value + draw.integers(1, max(2, len(setting.values)))) % len(setting.values))
    return float(setting.nearest(value + draw.uniform(-_NEAR, _NEAR)))
