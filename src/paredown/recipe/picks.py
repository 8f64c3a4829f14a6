"""Candidates of a search over recipes: moves with their settings, in order."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from paredown.recipe.move import Effect, Move, Refusal
from paredown.recipe.order import Recipe
from paredown.recipe.situation import Situation

__all__ = ["Pick", "Picks"]

_SIDE = 0.3  # of the longest training is what trainings at other places of a recipe get
_DIGITS = 3  # of the share of the network that is left: a smaller difference is no other candidate


@dataclasses.dataclass(frozen=True)
class Pick:
    """One move, and what was chosen for it.

    Attributes:
        move: to be made.
        chosen: settings by name; the move's defaults for those that are left out.

    """

    move: Move
    chosen: Mapping[str, Any] = dataclasses.field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        object.__setattr__(self, "chosen", MappingProxyType(dict(self.chosen)))

    def __hash__(self) -> int:
        return hash((self.move, frozenset(self.chosen.items())))

    def choosing(self, **settings: Any) -> "Pick":
        """The same move with further or other settings."""
        return dataclasses.replace(self, chosen={**self.chosen, **settings})

    @property
    def size(self) -> float:
        """Share of the network that the move's dial leaves; 1 for moves without a dial."""
        return 1.0 if self.move.dial is None else float(self.chosen.get(self.move.dial, 1.0))


@dataclasses.dataclass(frozen=True)
class Picks:
    """A recipe as moves: a candidate.

    Moves that are steps come in the order of the steps; moves that go into trainings, or around steps, come after the
    steps they are about.

    Attributes:
        picks: moves with their settings.

    """

    picks: tuple[Pick, ...] = ()

    @classmethod
    def of(cls, *moves: Move) -> "Picks":
        """Moves with their default settings."""
        return cls(tuple(map(Pick, moves)))

    @property
    def moves(self) -> tuple[Move, ...]:
        """The moves alone."""
        return tuple(pick.move for pick in self.picks)

    def recipe(self, at: Situation) -> Recipe:
        """The steps, each move made where those before it have led to."""
        for pick in self.picks:
            at = at.at(pick.move.add(at, pick.chosen))
        return at.recipe

    def refusal(self, at: Situation) -> Refusal | None:
        """The first refusal that is met on the way, where any is."""
        for pick in self.picks:
            answer = pick.move.offer(at)
            if isinstance(answer, Refusal):
                return answer
            at = at.at(pick.move.add(at, pick.chosen))
        return None

    # -- what the candidate does, by the effects of its moves

    def _indices(self, *effects: Effect) -> list[int]:
        return [index for index, move in enumerate(self.moves) if move.effects & set(effects)]

    @property
    def cuts(self) -> tuple[Pick, ...]:
        """Moves that make the network smaller."""
        return tuple(pick for pick in self.picks if pick.move.cuts)

    @property
    def kind(self) -> str:
        """What is cut: ``width``, ``depth``, both, or nothing (empty): cost follows another line for each."""
        names = {Effect.WIDTH: "width", Effect.DEPTH: "depth"}
        return " and ".join(name for effect, name in names.items() if self._indices(effect))

    @property
    def size(self) -> float:
        """Share of the network that all cuts together leave, to three digits; 1 where nothing is cut."""
        return round(math.prod(pick.size for pick in self.picks), _DIGITS)

    @property
    def trains(self) -> bool:
        """It costs training time."""
        return bool(self._indices(Effect.TRAIN))

    @property
    def quantized(self) -> bool:
        """The file computes in fewer bits."""
        return bool(self._indices(Effect.ROUND))

    @property
    def aware(self) -> bool:
        """The longest training sees the rounded network, which takes about twice the time per step."""
        return self.quantized and self.trains and self._indices(Effect.ROUND)[0] < self.main

    @property
    def taught(self) -> bool:
        """A teacher is asked at every training step."""
        return bool(self._indices(Effect.TEACH))

    @property
    def main(self) -> int:
        """Position of the longest training: the first after the last cut, or the first there is."""
        last = max(self._indices(Effect.WIDTH, Effect.DEPTH), default=-1)
        trainings = self._indices(Effect.TRAIN)
        return next((index for index in trainings if index > last), trainings[0])

    # -- other candidates

    def shape(self) -> "Picks":
        """The same without training: a network of the same shape, whose file is as fast."""
        return Picks(tuple(pick for pick in self.picks if pick.move.shapes))

    def sized(self, size: float) -> "Picks":
        """The same with cuts that together leave a share of the network, each its equal part."""
        size = round(size, _DIGITS)
        dials = sum(pick.move.dial is not None for pick in self.picks)
        if not dials:
            return self
        each = round(size ** (1 / dials), 4)
        return Picks(tuple(_dialled(pick, each) for pick in self.picks))

    def using(self, picks: Iterable[Pick]) -> "Picks":
        """The same with more moves at the end, such as ingredients of all trainings."""
        return Picks((*self.picks, *picks))

    def control(self) -> "Picks | None":
        """The same with every move that has a control replaced by it; None where none has."""
        if not any(move.control for move in self.moves):
            return None
        return Picks(tuple(_controlled(pick) for pick in self.picks))

    @property
    def epochs(self) -> tuple[float, ...]:
        """Of the trainings that follow one another in the place of the longest; empty where none is."""
        return tuple(float(self.picks[index].chosen.get("epochs", 1.0)) for index in self._parts)

    @property
    def rates(self) -> tuple[float | None, ...]:
        """Learning rates of these trainings; None where it is looked for."""
        return tuple(self.picks[index].chosen.get("rate") for index in self._parts)

    @property
    def beside(self) -> float:
        """Epochs of the trainings at other places of the recipe, as a share of the longest's first."""
        return _SIDE * (len(self._indices(Effect.TRAIN)) - len(self._parts))

    @property
    def _parts(self) -> list[int]:
        if not self.trains:
            return []
        trainings, parts = self._indices(Effect.TRAIN), [self.main]
        while parts[-1] + 1 in trainings:
            parts.append(parts[-1] + 1)
        return parts

    def longer(self, epochs: float = 1.0) -> "Picks":
        """The same with one more training behind those in the place of the longest."""
        parts = [self.picks[index] for index in self._parts]
        return self._with([*parts, Pick(parts[-1].move, {"epochs": epochs})]) if parts else self

    def trained(self, epochs: float, rate: float | None = None) -> "Picks":
        """The same with the epochs and the learning rate of the last training in the place of the longest.

        Trainings at other places get a part of the first one's epochs, and its rate.
        """
        parts = [self.picks[index] for index in self._parts]
        return self._with([*parts[:-1], parts[-1].choosing(epochs=epochs, rate=rate)]) if parts else self

    def _with(self, parts: Sequence[Pick]) -> "Picks":
        first, places = parts[0].chosen, self._parts
        beside = {"epochs": _SIDE * first.get("epochs", 1.0), "rate": first.get("rate")}
        others = [pick.choosing(**beside) if pick.move.has(Effect.TRAIN) else pick for pick in self.picks]
        return Picks((*others[: places[0]], *parts, *others[places[-1] + 1 :]))


def _dialled(pick: Pick, share: float) -> Pick:
    return pick if pick.move.dial is None else pick.choosing(**{pick.move.dial: share})


def _controlled(pick: Pick) -> Pick:
    """Settings that both have are kept."""
    control = pick.move.control
    if control is None:
        return pick
    kept = {control.dial} if control.dial is not None else set()
    return Pick(control, {name: value for name, value in pick.chosen.items() if name in kept})
