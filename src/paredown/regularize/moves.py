"""What a search may do with the techniques of this family."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from paredown.recipe.arm import FamilyArm
from paredown.recipe.ingredient import Ingredient
from paredown.recipe.move import Between, Effect, Move, Options
from paredown.recipe.situation import Situation
from paredown.recipe.training import Ingredients
from paredown.regularize.average import EMA
from paredown.regularize.dropout import Dropout
from paredown.regularize.mixup import Mixup
from paredown.regularize.smoothing import LabelSmoothing
from paredown.regularize.strength import Strength

__all__ = ["ARMS", "AVERAGED", "DROPOUT", "MIXUP", "MOVES", "SMOOTHING"]


@dataclasses.dataclass(frozen=True)
class Regularized(Ingredients):
    """Base of moves that put one ingredient of this family into every training.

    Attributes:
        of: the ingredient with its default settings.
        strength: the setting that says how much of it; a `Strength` that was fitted on this network decides its default.
        values: of the strength to choose from; empty where the default of the ingredient is all there is.

    """

    family: str = "regularize"
    effects: frozenset[Effect] = frozenset()
    of: Ingredient = EMA()  # noqa: RUF009 (a frozen value)
    strength: str = ""
    values: tuple[float, ...] = ()

    def settings(self, at: Situation) -> Mapping[str, Options | Between]:
        """See `Ingredients.settings`."""
        if not self.values:
            return {}
        return {self.strength: Options(tuple(dict.fromkeys((self._usual(at), *self.values))))}

    def ingredient(self, at: Situation, chosen: Mapping[str, Any]) -> Ingredient:
        """See `Ingredients.ingredient`."""
        usual = {self.strength: self._usual(at)} if self.values else {}
        return dataclasses.replace(self.of, **{**usual, **chosen})

    def _usual(self, at: Situation) -> float:
        """What was fitted for this ingredient on this network, else its default."""
        fitted = [f for f in at.learned if isinstance(f, Strength) and type(f.ingredient) is type(self.of)]
        found: float = getattr(fitted[-1].ingredient if fitted else self.of, self.strength)
        return found


@dataclasses.dataclass(frozen=True)
class Mixing(Regularized):
    """Examples are mixed in pairs, which token ids cannot be."""

    name: str = "mixup"
    effects: frozenset[Effect] = frozenset({Effect.DISTURB})
    of: Ingredient = Mixup()  # noqa: RUF009 (a frozen value)

    def objection(self, at: Situation) -> str:
        """See `Ingredients.objection`."""
        if at.continuous:
            return ""
        whole = ", ".join(spec.name for spec in at.original.inputs if not spec.dtype.is_floating_point)
        return (
            f"Examples are mixed as sums, and {whole} holds whole numbers such as token ids, whose sums mean nothing."
        )


MIXUP = Mixing(default=True)
AVERAGED = Regularized("ema", effects=frozenset({Effect.AVERAGE}), of=EMA(), default=True)
SMOOTHING = Regularized(
    "label smoothing",
    effects=frozenset({Effect.PENALIZE}),
    of=LabelSmoothing(),
    strength="epsilon",
    values=(0.05, 0.1, 0.2),
)
DROPOUT = Regularized(
    "dropout",
    effects=frozenset({Effect.DISTURB}),
    of=Dropout(),
    strength="probability",
    values=(0.05, 0.1, 0.2),
)

MOVES: tuple[Move, ...] = (MIXUP, AVERAGED, SMOOTHING, DROPOUT)
"""What is proposed first comes first."""

ARMS = (FamilyArm("regularize", (Effect.TRAIN, MIXUP, AVERAGED)), FamilyArm("regularize", (Effect.TRAIN, AVERAGED)))
