"""What a search may add to a recipe: the contract of moves.

A technique of its own is a step (`Transform`, `Train`) or an `Ingredient` of a training. A `Move` says when a technique
may be tried, with which settings, and how it comes into a recipe: as a step at the end, as an ingredient of the trainings
that are there, as a field of a step that is there, or around several of them. So a search composes recipes without knowing
any technique: it reads `Move.effects`.
"""

import abc
import dataclasses
import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from paredown.errors import RecipeError
from paredown.recipe.order import Recipe
from paredown.recipe.situation import Situation
from paredown.recipe.title import title

__all__ = ["Between", "Effect", "LeftOut", "Move", "Offer", "Options", "Refusal"]


class Effect(enum.Enum):
    """What a move does to the network, its file or its training; orders are made of effects."""

    WIDTH = "layers get narrower"
    DEPTH = "layers go"
    ALIKE = "every layer gets narrower by the same share, as for a student that is trained anew"
    SPARSE = "weights become zero"
    ROUND = "the file computes in fewer bits"
    STORE = "weights are stored in fewer bits and computed with in float"
    REFINE = "numbers that are rounded are chosen better"
    TRAIN = "it is trained"
    TEACH = "another network teaches in every training"
    DISTURB = "trainings see changed inputs, targets or values"
    PENALIZE = "the loss of trainings gets one more term"
    AVERAGE = "trainings give an average of weights"
    REPEAT = "a cut and its training are done in rounds"

    @property
    def shapes(self) -> bool:
        """How fast and large the file is depends on it; whatever else there is only matters while training."""
        return self in _SHAPING


_SHAPING = frozenset({Effect.WIDTH, Effect.DEPTH, Effect.ALIKE, Effect.SPARSE, Effect.ROUND, Effect.STORE})


@dataclasses.dataclass(frozen=True)
class Options:
    """A setting with a few values to choose from.

    Attributes:
        values: one or more, the default first.

    """

    values: tuple[Any, ...]

    @property
    def default(self) -> Any:
        """The first."""
        return self.values[0]

    def holds(self, value: Any) -> bool:
        """Whether it is one of them."""
        return value in self.values

    def nearest(self, wanted: float) -> Any:
        """Of numbers the one next to a wanted one, the smaller of two."""
        return min(self.values, key=lambda value: (abs(value - wanted), value))

    @property
    def least(self) -> Any:
        """Of numbers the smallest."""
        return min(self.values)

    def __str__(self) -> str:
        return f"one of {', '.join(map(title, self.values))}"


@dataclasses.dataclass(frozen=True)
class Between:
    """A setting that is a number within bounds.

    Attributes:
        least: smallest value.
        most: largest value.
        default: taken where nothing else is known; None where the technique finds it itself.

    """

    least: float
    most: float
    default: float | None

    def holds(self, value: Any) -> bool:
        """Whether it is a number within the bounds."""
        if value is None:
            return self.default is None
        return isinstance(value, (int, float)) and self.least <= value <= self.most

    def nearest(self, wanted: float) -> float:
        """The value within the bounds next to a wanted one."""
        return min(self.most, max(self.least, wanted))

    def __str__(self) -> str:
        return f"a number from {self.least:g} to {self.most:g}"


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclasses.dataclass(frozen=True)
class Offer:
    """A move can be made here.

    Attributes:
        settings: what can be chosen, by name.
        seconds: by which the trial is expected to take longer, with the defaults.

    """

    settings: Mapping[str, Options | Between] = dataclasses.field(default_factory=_nothing)
    seconds: float = 0.0

    @property
    def defaults(self) -> dict[str, Any]:
        """Every setting at its default."""
        return {name: setting.default for name, setting in self.settings.items()}


@dataclasses.dataclass(frozen=True)
class Refusal:
    """A move cannot be made here.

    Attributes:
        reason: why not, as a sentence.

    """

    reason: str


@dataclasses.dataclass(frozen=True)
class Move(abc.ABC):
    """A function from recipe to recipe, with the conditions under which it is worth trying.

    Subclasses are frozen dataclasses that give the fields their values; a family lists its moves in
    ``<family>/moves.py``.

    Attributes:
        name: short, unique among all moves; what people type to ask for it, and what legends call its arm.
        family: whose technique it is.
        effects: what it does.
        dial: the setting that says what share of the network is left by it (1: all), which is how a search aims at a
            budget; None for moves without a size.
        control: the move in whose place this one has to prove itself; None where leaving the technique's whole arm out
            is the control.
        default: tried without being asked for.

    """

    name: str
    family: str
    effects: frozenset[Effect]
    dial: str | None = None
    control: "Move | None" = None
    default: bool = False

    @abc.abstractmethod
    def offer(self, at: Situation) -> Offer | Refusal:
        """What can be chosen behind the steps of ``at.recipe``, or why the move cannot be made there.

        Takes no longer than looking at the network; nothing is trained.
        """

    @abc.abstractmethod
    def add(self, at: Situation, chosen: Mapping[str, Any]) -> Recipe:
        """``at.recipe`` with this move made behind its steps, in its trainings, in a step, or around some of them.

        Args:
            at: a situation in which the move is offered.
            chosen: settings by name; those that are left out take their defaults.

        """

    def has(self, *effects: Effect) -> bool:
        """Whether the move does all of this."""
        return self.effects.issuperset(effects)

    @property
    def cuts(self) -> bool:
        """The network gets smaller by it."""
        return bool(self.effects & {Effect.WIDTH, Effect.DEPTH})

    @property
    def shapes(self) -> bool:
        """How fast and large the file is depends on it."""
        return any(effect.shapes for effect in self.effects)

    def check(self, chosen: Mapping[str, Any], offer: Offer) -> None:
        """Refuse settings that are not offered.

        Raises:
            RecipeError: one is unknown, or out of range.

        """
        for name, value in chosen.items():
            setting = offer.settings.get(name)
            if setting is None:
                known = f"It has {', '.join(offer.settings)}" if offer.settings else "It has none"
                msg = (
                    f"The move {self.name!r} was given {name}={title(value)}, a setting that it does not have. {known}."
                )
                raise RecipeError(msg)
            if not setting.holds(value):
                msg = f"The move {self.name!r} was given {name}={title(value)}. It is {setting} here."
                raise RecipeError(msg)


@dataclasses.dataclass(frozen=True)
class LeftOut(Move):
    """Nothing in the place of a move: the control of an ingredient is the same training without it."""

    effects: frozenset[Effect] = frozenset()

    def offer(self, at: Situation) -> Offer:  # noqa: ARG002 (always possible)
        """See `Move.offer`."""
        return Offer()

    def add(self, at: Situation, chosen: Mapping[str, Any]) -> Recipe:  # noqa: ARG002 (there are none)
        """See `Move.add`."""
        return at.recipe
