"""The recipes that a search may propose: moves of the five families, and their order.

A `Sketch` says in few words what a recipe does; `Space.recipe` writes it out as steps.
"""

import dataclasses
import enum
from collections.abc import Sequence
from typing import Any

from paredown import architecture, distill, prune, quantize, regularize
from paredown.recipe.ingredient import Ingredient
from paredown.recipe.optimizers import AdamW, Auto
from paredown.recipe.order import RecipeStep
from paredown.recipe.train import Precision, Train
from paredown.recipe.transform import Transform
from paredown.run.labels import FAMILIES

__all__ = ["ORDERS", "Move", "Order", "Sketch", "Space"]


class Move(enum.Enum):
    """One thing that a recipe does."""

    PRUNE = "prune"
    RANDOM = "random prune"
    STUDENT = "student"
    SLIM = "slim"
    SHALLOW = "shallow"
    INT8 = "int8"
    TRAIN = "train"

    @property
    def cuts(self) -> bool:
        """The network gets smaller by it."""
        return self in _KINDS


_KINDS = {
    Move.PRUNE: "width",
    Move.RANDOM: "width",
    Move.STUDENT: "width",
    Move.SLIM: "width and depth",
    Move.SHALLOW: "depth",
}

Order = tuple[Move, ...]

ORDERS: tuple[Order, ...] = (
    (Move.PRUNE, Move.TRAIN, Move.INT8),
    (Move.SHALLOW, Move.TRAIN, Move.INT8),
    (Move.SLIM, Move.TRAIN, Move.INT8),
    (Move.PRUNE, Move.INT8, Move.TRAIN),
    (Move.SHALLOW, Move.INT8, Move.TRAIN),
    (Move.SLIM, Move.INT8, Move.TRAIN),
    (Move.SHALLOW, Move.PRUNE, Move.TRAIN, Move.INT8),
    (Move.TRAIN, Move.PRUNE, Move.TRAIN, Move.INT8),
    (Move.PRUNE, Move.TRAIN, Move.INT8, Move.TRAIN),
    (Move.INT8, Move.TRAIN),
    (Move.TRAIN, Move.INT8),
    (Move.PRUNE, Move.TRAIN),
    (Move.SHALLOW, Move.TRAIN),
    (Move.SLIM, Move.TRAIN),
)
"""Every order that is proposed, most promising first."""


@dataclasses.dataclass(frozen=True)
class Sketch:
    """A recipe in few words.

    Attributes:
        order: what is done, in this order. The longest training is the first after the last cut (or the only one).
        macs: share of the multiplications that all cuts together keep.
        importance: how `Move.PRUNE` ranks channels; None takes the default.
        using: ingredients of every training.
        epochs: trainings one after the other in the place of the longest; a promoted recipe gets one more.
        rates: highest learning rate of each of them; those that have none look for theirs with a range test.

    """

    order: Order
    macs: float = 1.0
    importance: Any = None
    using: tuple[Ingredient, ...] = ()
    epochs: tuple[float, ...] = (1.0,)
    rates: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "macs", round(self.macs, 3) if self.kind else 1.0)

    @property
    def kind(self) -> str:
        """What is cut: ``width``, ``depth``, both, or nothing (empty): cost follows another line for each."""
        return " and ".join(
            sorted({kind for move in self.order for kind in _KINDS.get(move, "").split(" and ") if kind}, reverse=True)
        )

    @property
    def trains(self) -> bool:
        """It costs training time."""
        return Move.TRAIN in self.order

    @property
    def quantized(self) -> bool:
        """The file will compute in 8 bits."""
        return Move.INT8 in self.order

    @property
    def aware(self) -> bool:
        """The longest training sees the quantized network, which takes about twice the time per step."""
        return self.quantized and self.trains and self.order.index(Move.INT8) < self.main

    @property
    def distilled(self) -> bool:
        """A teacher is asked at every training step."""
        return any(thing.taught for thing in self.using)

    @property
    def main(self) -> int:
        """Position of the longest training."""
        cuts = [index for index, move in enumerate(self.order) if move.cuts]
        after = [index for index, move in enumerate(self.order) if move is Move.TRAIN and index > max(cuts, default=-1)]
        return after[0] if after else self.order.index(Move.TRAIN)

    def shape(self) -> "Sketch":
        """The same without training: a network of the same shape, whose file is as fast."""
        return dataclasses.replace(
            self, order=tuple(move for move in self.order if move is not Move.TRAIN), using=(), epochs=(), rates=()
        )

    def longer(self, epochs: float = 1.0) -> "Sketch":
        """The same with one more training behind those it has had."""
        return dataclasses.replace(self, epochs=(*self.epochs, epochs))

    def trained(self, epochs: float, rate: float) -> "Sketch":
        """The same with the epochs and the learning rate of its last training."""
        before = len(self.epochs) - 1
        return dataclasses.replace(self, epochs=(*self.epochs[:-1], epochs), rates=(*self.rates[:before], rate))


@dataclasses.dataclass(frozen=True)
class Space:
    """What may be proposed for one task, target and choice of families.

    Attributes:
        families: names out of `FAMILIES`.
        int8: the target has 8-bit kernels.
        mixing: inputs are floating-point numbers, so that two examples can be mixed.
        seed: of trainings and of the random control.
        side: share of the longest training that the other trainings of a recipe get.
        evaluations: networks that one evolution may look at.
        precision: of every training.
        banned: moves that this network does not allow (nothing to cut, nothing to quantize).

    """

    families: frozenset[str] = frozenset(FAMILIES)
    int8: bool = True
    mixing: bool = True
    seed: int = 0
    side: float = 0.3
    precision: Precision = "32-true"
    evaluations: int = 150
    banned: frozenset[Move] = frozenset()

    def allows(self, order: Order) -> bool:
        """Whether every move belongs to the chosen families and to what the target can do."""
        family = {
            Move.PRUNE: "prune",
            Move.RANDOM: "prune",
            Move.STUDENT: "distill",
            Move.SLIM: "architecture",
            Move.SHALLOW: "architecture",
            Move.INT8: "quantize",
        }
        return all(move is Move.TRAIN or family[move] in self.families for move in order) and not (
            self.banned & set(order) or (Move.INT8 in order and not self.int8)
        )

    def orders(self) -> tuple[Order, ...]:
        """Combinations that may be proposed, most promising first."""
        return tuple(order for order in ORDERS if self.allows(order))

    def teacher(self) -> tuple[Ingredient, ...]:
        """Distillation from the original, where it may be used."""
        return (distill.Logits(),) if "distill" in self.families else ()

    def tricks(self) -> tuple[Ingredient, ...]:
        """Regularization, where it may be used."""
        if "regularize" not in self.families:
            return ()
        return (regularize.Mixup(), regularize.EMA()) if self.mixing else (regularize.EMA(),)

    def recipe(self, sketch: Sketch) -> tuple[RecipeStep, ...]:
        """Steps of a sketch.

        Trainings beside the longest one get `side` of its first part.
        """
        cuts = sum(1 for move in sketch.order if move.cuts)
        keep = sketch.macs ** (1 / cuts) if cuts else 1.0
        steps: list[RecipeStep] = []
        for index, move in enumerate(sketch.order):
            if move is Move.TRAIN:
                main = index == sketch.main
                parts: Sequence[float] = sketch.epochs if main else (self.side * sketch.epochs[0],)
                steps += self._trainings(sketch, parts, len(steps))
            else:
                steps.append(self._transform(move, keep, sketch.importance))
        return tuple(steps)

    def before(self, sketch: Sketch) -> tuple[RecipeStep, ...]:
        """Transforms that make the network which the longest training of a sketch trains."""
        moves = tuple(move for move in sketch.order[: sketch.main] if move is not Move.TRAIN)
        steps = self.recipe(sketch.shape())
        return steps[: len(moves)]

    def _trainings(self, sketch: Sketch, parts: Sequence[float], earlier: int) -> list[RecipeStep]:
        """Trainings one after the other, each with a seed of its own, so that each has its own order of the data."""
        rates: list[float | Auto] = [*sketch.rates[: len(parts)], *([Auto()] * (len(parts) - len(sketch.rates)))]
        return [
            Train(
                epochs=part,
                using=sketch.using,
                optimizer=AdamW(lr=rate),
                precision=self.precision,
                seed=self.seed + earlier + number,
            )
            for number, (part, rate) in enumerate(zip(parts, rates, strict=True))
        ]

    def _transform(self, move: Move, keep: float, importance: Any) -> Transform:
        keep = round(keep, 4)
        match move:
            case Move.PRUNE:
                return prune.Channels(importance=importance or prune.L2(), allocation=prune.Global(macs=keep))
            case Move.RANDOM:
                return prune.Channels(importance=prune.Random(seed=self.seed), allocation=prune.Global(macs=keep))
            case Move.STUDENT:
                return prune.Channels(allocation=prune.Uniform(macs=keep))
            case Move.SLIM:
                return architecture.Slim(macs=keep, evaluations=self.evaluations)
            case Move.SHALLOW:
                return architecture.Slim(macs=keep, width=None, evaluations=self.evaluations)
            case _:
                return quantize.Int8()
