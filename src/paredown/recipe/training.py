"""The move that trains, and how moves get into the trainings of a recipe."""

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any

from paredown.recipe.ingredient import Ingredient
from paredown.recipe.move import Between, Effect, Move, Offer, Options, Refusal
from paredown.recipe.optimizers import AdamW, Auto
from paredown.recipe.order import Recipe
from paredown.recipe.situation import Situation
from paredown.recipe.train import Train

__all__ = ["AWARE", "TRAIN", "Ingredients", "PlainTraining"]

_EPOCHS = Between(1e-3, 1000.0, 1.0)
_RATE = Between(1e-7, 10.0, None)

AWARE = 2.1
"""How many times as long a step through fake-quantize nodes takes: 1.9 to 2.3 were measured."""


@dataclasses.dataclass(frozen=True)
class PlainTraining(Move):
    """Train the network as it is at this place of the recipe, in the precision that is fast on this machine.

    Every training of a recipe has a seed of its own, so that each has its own order of examples.
    """

    name: str = "train"
    family: str = "train"
    effects: frozenset[Effect] = frozenset({Effect.TRAIN})
    default: bool = True

    def offer(self, at: Situation) -> Offer | Refusal:
        """See `Move.offer`: ``epochs``, and ``rate``, which is looked for where it is left out; refused without data."""
        if not at.amounts.train:
            return Refusal("There are no training data. Give some: `Data(train=...)`.")
        step = at.timings.step * (AWARE if "quantized" in at.state else 1.0)
        return Offer({"epochs": _EPOCHS, "rate": _RATE}, at.timings.steps * step)

    def add(self, at: Situation, chosen: Mapping[str, Any]) -> Recipe:
        """See `Move.add`."""
        rate = chosen.get("rate")
        training = Train(
            epochs=chosen.get("epochs", 1.0),
            optimizer=AdamW(lr=Auto() if rate is None else rate),
            precision=at.timings.precision,
            seed=at.seed + len(at.recipe),
        )
        return (*at.recipe, training)


TRAIN = PlainTraining()


@dataclasses.dataclass(frozen=True)
class Ingredients(Move):
    """Base of moves that put something into every training of a recipe."""

    def offer(self, at: Situation) -> Offer | Refusal:
        """See `Move.offer`: refused where nothing is trained, or by `objection`."""
        if not at.trainings:
            return Refusal(f"{self.name!r} is part of a training, and nothing is trained yet. Put 'train' before it.")
        reason = self.objection(at)
        return Refusal(reason) if reason else Offer(self.settings(at), self.seconds(at))

    def objection(self, at: Situation) -> str:  # noqa: ARG002 (for subclasses)
        """Why it does not fit this task; empty where it does."""
        return ""

    def settings(self, at: Situation) -> Mapping[str, Options | Between]:  # noqa: ARG002 (for subclasses)
        """What can be chosen."""
        return {}

    def seconds(self, at: Situation) -> float:
        """By which all trainings get longer: a teacher is asked in every step."""
        if Effect.TEACH not in self.effects:
            return 0.0
        return sum(step.epochs for step in at.trainings) * at.timings.steps * at.timings.teacher

    @abc.abstractmethod
    def ingredient(self, at: Situation, chosen: Mapping[str, Any]) -> Ingredient:
        """What takes part in the trainings.

        Args:
            at: in front of one of the trainings.
            chosen: settings by name.

        """

    def add(self, at: Situation, chosen: Mapping[str, Any]) -> Recipe:
        """See `Move.add`."""
        steps = list(at.recipe)
        for position, step in enumerate(at.recipe):
            if isinstance(step, Train):
                ingredient = self.ingredient(at.at(at.recipe[:position]), chosen)
                steps[position] = dataclasses.replace(step, using=(*step.using, ingredient))
        return tuple(steps)
