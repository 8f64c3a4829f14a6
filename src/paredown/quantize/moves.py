"""What a search may do with the techniques of this family."""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from paredown.errors import RecipeError
from paredown.graph.fold import fold_batch_norm
from paredown.quantize.adaround import AdaRound
from paredown.quantize.bias_correction import BiasCorrection
from paredown.quantize.brecq import BRECQ
from paredown.quantize.dynamic_int8 import DynamicInt8
from paredown.quantize.half import Half
from paredown.quantize.int8 import Int8
from paredown.quantize.minmax import MinMax
from paredown.quantize.mixed import Mixed
from paredown.quantize.others import others
from paredown.quantize.placement import place
from paredown.quantize.refinement import Refinement
from paredown.quantize.weight_only import WeightOnly
from paredown.recipe.arm import FamilyArm
from paredown.recipe.move import Effect, Move, Offer, Options, Refusal
from paredown.recipe.order import Recipe, RecipeStep
from paredown.recipe.situation import Situation
from paredown.recipe.transform import Transform

__all__ = ["ADAROUND", "ARMS", "BIASES", "BLOCKWISE", "DYNAMIC", "HALF", "INT8", "MIXED", "MOVES", "WEIGHTS"]


@dataclasses.dataclass(frozen=True)
class Rounding(Move):
    """Base of moves that add one step which rounds."""

    family: str = "quantize"
    effects: frozenset[Effect] = frozenset({Effect.ROUND})

    def offer(self, at: Situation) -> Offer | Refusal:
        """See `Move.offer`."""
        reason = self.step(at, {}).check(at.state) or self.objection(at)
        return Refusal(reason) if reason else Offer(self.settings(at), self.seconds(at))

    def add(self, at: Situation, chosen: Mapping[str, Any]) -> Recipe:
        """See `Move.add`."""
        return (*at.recipe, self.step(at, chosen))

    @abc.abstractmethod
    def step(self, at: Situation, chosen: Mapping[str, Any]) -> Transform:
        """What rounds."""

    def objection(self, at: Situation) -> str:
        """Why the target or the network does not allow it; empty where they do. Weights alone are planned in no time."""
        return _refused(self.step(at, {}), at)

    def settings(self, at: Situation) -> Mapping[str, Options]:  # noqa: ARG002 (for subclasses)
        """What can be chosen."""
        return {}

    def seconds(self, at: Situation) -> float:  # noqa: ARG002 (weights alone are rounded in no time)
        """Beside training."""
        return 0.0


@dataclasses.dataclass(frozen=True)
class RoundStatically(Rounding):
    """Weights and activations in 8 bits, ranges from calibration data."""

    name: str = "int8"

    def step(self, at: Situation, chosen: Mapping[str, Any]) -> Transform:  # noqa: ARG002
        """See `Rounding.step`."""
        return Int8(activations=chosen.get("activations", MinMax()))

    def settings(self, at: Situation) -> Mapping[str, Options]:  # noqa: ARG002
        """See `Rounding.settings`: how the ranges of activations are chosen."""
        return {"activations": Options((MinMax(),))}

    def objection(self, at: Situation) -> str:
        """See `Rounding.objection`."""
        able = at.capabilities
        if not able.int8.operators:
            return f"{able.name} computes nothing in 8 bits. {others(lambda other: other.int8.operators)}"
        if not place(fold_batch_norm(at.network)[0], able).points:
            return f"This network has no layer that {able.name} computes faster in 8 bits."
        return ""

    def seconds(self, at: Situation) -> float:
        """See `Rounding.seconds`: one pass over the calibration data."""
        return at.showing(at.amounts.calibrate)


@dataclasses.dataclass(frozen=True)
class RoundSome(RoundStatically):
    """8 bits where they are measured to pay, float elsewhere."""

    name: str = "mixed"

    def step(self, at: Situation, chosen: Mapping[str, Any]) -> Transform:
        """See `Rounding.step`."""
        of = super().step(at, chosen)
        return Mixed(of=of) if isinstance(of, Int8) else of

    def objection(self, at: Situation) -> str:
        """See `Rounding.objection`."""
        if at.evidence.stopwatch is None:
            return "Layers have to be timed on the target, and there is no stopwatch: `evidence.timed(...)`."
        return super().objection(at)

    def seconds(self, at: Situation) -> float:
        """See `Rounding.seconds`: the losses of as many networks as there are layers."""
        layers = len(place(fold_batch_norm(at.network)[0], at.capabilities).weights)
        return super().seconds(at) + layers * at.showing(min(at.amounts.select, Mixed().examples or 1024))


@dataclasses.dataclass(frozen=True)
class RoundWhileRunning(Rounding):
    """Linear layers in 8 bits, ranges found while running."""

    name: str = "dynamic int8"

    def step(self, at: Situation, chosen: Mapping[str, Any]) -> Transform:  # noqa: ARG002
        """See `Rounding.step`."""
        return DynamicInt8()


@dataclasses.dataclass(frozen=True)
class StoreInFewBits(Rounding):
    """Weights of linear layers stored in 4 or 8 bits, in groups; computed with in float."""

    name: str = "few bits"
    effects: frozenset[Effect] = frozenset({Effect.STORE})

    def step(self, at: Situation, chosen: Mapping[str, Any]) -> Transform:
        """See `Rounding.step`."""
        return WeightOnly(bits=chosen.get("bits", 4), group=chosen.get("group", self._groups(at)[0]))

    def settings(self, at: Situation) -> Mapping[str, Options]:
        """See `Rounding.settings`: bits of a weight, and how many weights share a scale."""
        return {"bits": Options((4, 8)), "group": Options(self._groups(at))}

    def _groups(self, at: Situation) -> tuple[int, ...]:
        """Sizes that the target knows and that divide the width of a layer, the usual one first."""
        usual = WeightOnly().group
        known = sorted(at.capabilities.weight_groups, key=lambda size: (size != usual, size))
        return tuple(size for size in known if not _refused(WeightOnly(group=size), at)) or (usual,)


@dataclasses.dataclass(frozen=True)
class StoreInHalf(Rounding):
    """Weights stored in 16 bits."""

    name: str = "half"
    effects: frozenset[Effect] = frozenset({Effect.STORE})

    def step(self, at: Situation, chosen: Mapping[str, Any]) -> Transform:  # noqa: ARG002
        """See `Rounding.step`."""
        return Half(format=chosen.get("format", "float16"))

    def settings(self, at: Situation) -> Mapping[str, Options]:
        """See `Rounding.settings`: the format."""
        return {"format": Options(tuple(sorted(at.capabilities.stored_formats, reverse=True)))}


@dataclasses.dataclass(frozen=True)
class RefineRounding(Move):
    """Choose the numbers of the last rounding step better: a field of that step.

    Attributes:
        refinement: what chooses them.
        passes: over the calibration data that it takes, about.

    """

    family: str = "quantize"
    effects: frozenset[Effect] = frozenset({Effect.REFINE})
    refinement: Refinement = BiasCorrection()  # noqa: RUF009 (a frozen value)
    passes: float = 1.0

    def offer(self, at: Situation) -> Offer | Refusal:
        """See `Move.offer`: refused where nothing was rounded."""
        if self._place(at.recipe) is None:
            return Refusal(f"{self.name!r} improves what a step has rounded, and nothing is rounded yet.")
        return Offer({}, self.passes * at.showing(at.amounts.calibrate))

    def add(self, at: Situation, chosen: Mapping[str, Any]) -> Recipe:  # noqa: ARG002 (there are none)
        """See `Move.add`."""
        place = self._place(at.recipe)
        if place is None:
            return at.recipe
        return (*at.recipe[:place], _refining(at.recipe[place], self.refinement), *at.recipe[place + 1 :])

    @staticmethod
    def _place(recipe: Recipe) -> int | None:
        kinds = (Int8, DynamicInt8, WeightOnly, Mixed)
        return next((n for n in reversed(range(len(recipe))) if isinstance(recipe[n], kinds)), None)


def _refining(step: RecipeStep, refinement: Refinement) -> RecipeStep:
    """The step with one more refinement behind those it has."""
    if isinstance(step, Mixed):
        of = _refining(step.of, refinement)
        return dataclasses.replace(step, of=of) if isinstance(of, Int8) else step
    if isinstance(step, (Int8, DynamicInt8, WeightOnly)):
        given = step.refine if isinstance(step.refine, Sequence) else (step.refine,)
        return dataclasses.replace(step, refine=(*given, refinement))
    return step


def _refused(step: Transform, at: Situation) -> str:
    """Why a step that looks at no data cannot be planned here; empty where it can."""
    try:
        step.plan(at.network, at.evidence)
    except RecipeError as error:
        return str(error)
    return ""


INT8 = RoundStatically(default=True)
MIXED = RoundSome()
DYNAMIC = RoundWhileRunning()
WEIGHTS = StoreInFewBits()
HALF = StoreInHalf()
ADAROUND = RefineRounding("adaround", refinement=AdaRound(), passes=60.0)
BLOCKWISE = RefineRounding("brecq", refinement=BRECQ(), passes=60.0)
BIASES = RefineRounding("bias correction", refinement=BiasCorrection(), passes=2.0)

MOVES: tuple[Move, ...] = (INT8, DYNAMIC, MIXED, WEIGHTS, HALF, BIASES, ADAROUND, BLOCKWISE)
"""What is proposed first comes first."""

ARMS = (FamilyArm("quantize", (INT8,), "int8"),)
