"""What a search may do with the techniques of this family."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from paredown.architecture.slim import Slim
from paredown.architecture.space import Candidate, Space
from paredown.errors import RecipeError
from paredown.recipe.arm import FamilyArm
from paredown.recipe.move import Between, Effect, Move, Offer, Options, Refusal
from paredown.recipe.order import Recipe
from paredown.recipe.situation import Situation

__all__ = ["ARMS", "MOVES", "SHALLOW", "SLIM"]

_MOST_EVALUATIONS, _LEAST_EVALUATIONS = 150, 12
_PART = 0.03  # of the run's time may go into one evolution
_BUILDING = 0.01  # seconds of building one network
_LEAST, _MOST = 0.06, 0.95


@dataclasses.dataclass(frozen=True)
class Evolve(Move):
    """Search the network's own widths and blocks, with the weights it has, for the least loss within a size."""

    name: str = "slim"
    family: str = "architecture"
    effects: frozenset[Effect] = frozenset({Effect.WIDTH, Effect.DEPTH})
    dial: str | None = "macs"

    def offer(self, at: Situation) -> Offer | Refusal:
        """See `Move.offer`: the dial, from the network with every width at its least and all of its blocks."""
        step = self.step(at, 0.5)
        reason = step.check(at.state)
        if reason:
            return Refusal(reason)
        try:
            dial = self._dial(step, at)
        except RecipeError as error:
            return Refusal(str(error))
        return Offer({"macs": dial}, step.evaluations * _each(at))

    def _dial(self, step: Slim, at: Situation) -> Options | Between:
        space = Space(at.network, step.width, step.depth, at.capabilities.channel_multiple)
        narrow = Candidate(tuple(counts[0] for counts in space.counts), space.whole.dropped)
        least = min(_MOST, max(_LEAST, space.macs(narrow) / max(1, space.macs(space.whole)) + 5e-4))
        return Between(least, _MOST, max(0.5, least))

    def add(self, at: Situation, chosen: Mapping[str, Any]) -> Recipe:
        """See `Move.add`."""
        return (*at.recipe, self.step(at, chosen.get("macs", 0.5)))

    def step(self, at: Situation, macs: float) -> Slim:
        """The search for a share of the multiply-accumulates."""
        return Slim(macs=macs, evaluations=_evaluations(at))


@dataclasses.dataclass(frozen=True)
class LeaveOut(Evolve):
    """Search only which blocks stay: whole blocks save more time than narrow layers, and need less training after it."""

    name: str = "shallow"
    effects: frozenset[Effect] = frozenset({Effect.DEPTH})

    def _dial(self, step: Slim, at: Situation) -> Options | Between:
        levels = step.levels(at.network)
        if not levels:
            msg = "This network has no residual block that could be left out."
            raise RecipeError(msg)
        return Options(tuple(sorted(levels, key=lambda level: abs(level - 0.5))))

    def step(self, at: Situation, macs: float) -> Slim:
        """See `Evolve.step`."""
        return dataclasses.replace(super().step(at, macs), width=None)


def _each(at: Situation) -> float:
    """Seconds of looking at one network: calibration and select examples, forward only."""
    seen = Slim().examples
    return at.showing(min(seen, at.amounts.calibrate) + min(seen, at.amounts.select)) + _BUILDING


def _evaluations(at: Situation) -> int:
    """Networks that one evolution may look at in its part of the run's time."""
    return int(min(_MOST_EVALUATIONS, max(_LEAST_EVALUATIONS, _PART * at.seconds / _each(at))))


SHALLOW = LeaveOut(default=True)
SLIM = Evolve(default=True)

MOVES: tuple[Move, ...] = (SHALLOW, SLIM)
"""What is proposed first comes first."""

ARMS = (
    FamilyArm("architecture", (SHALLOW, Effect.TRAIN), "shallow"),
    FamilyArm("architecture", (SLIM, Effect.TRAIN), "slim"),
)
