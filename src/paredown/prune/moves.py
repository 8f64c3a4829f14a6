"""What a search may do with the techniques of this family."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

from paredown.errors import InputError
from paredown.graph.axes import analyse
from paredown.graph.residual import blocks
from paredown.prune.allocation import Allocation, Global, Uniform
from paredown.prune.blocks import Blocks
from paredown.prune.channels import Channels
from paredown.prune.fisher import Fisher
from paredown.prune.importance import Importance
from paredown.prune.latency import Latency
from paredown.prune.magnitude import L2
from paredown.prune.random import Random
from paredown.prune.schedule import iterative
from paredown.prune.taylor import Taylor
from paredown.recipe.arm import FamilyArm
from paredown.recipe.evidence import Evidence
from paredown.recipe.move import Between, Effect, Move, Offer, Options, Refusal
from paredown.recipe.order import Recipe
from paredown.recipe.situation import Situation
from paredown.recipe.train import Train

__all__ = ["ARMS", "BLOCKS", "CHANNELS", "LATENCY", "MOVES", "RANDOM", "ROUNDS", "STUDENT"]

_LEAST = (
    0.06,
    0.09,
    0.13,
    0.18,
    0.25,
    0.35,
    0.5,
    0.7,
)  # shares that are tried; the first that can be reached is offered
_MOST = 0.95


@dataclasses.dataclass(frozen=True)
class CutChannels(Move):
    """Cut the least important channels, heads and hidden units of every coupled group.

    Attributes:
        importance: criteria to choose from, the default first.
        allocation: how a share of the multiply-accumulates is spread over groups.

    """

    name: str = "prune"
    family: str = "prune"
    effects: frozenset[Effect] = frozenset({Effect.WIDTH})
    dial: str | None = "macs"
    importance: tuple[Importance, ...] = (L2(),)
    allocation: Allocation = Global(macs=0.5)  # noqa: RUF009 (a frozen value)

    def offer(self, at: Situation) -> Offer | Refusal:
        """See `Move.offer`: the dial from the smallest share that can be reached here, and ``importance``."""
        reason = Channels().check(at.state) or self._objection(at)
        if reason:
            return Refusal(reason)
        least = self._least(at)
        dial = Between(least, _MOST, min(_MOST, max(0.5, least)))
        return Offer({str(self.dial): dial, "importance": Options(self.criteria(at))}, self._seconds(at))

    def _objection(self, at: Situation) -> str:
        if analyse(at.network).free:
            return ""
        held = "; ".join(f"{group.name!r} is held by {group.frozen_by}" for group in analyse(at.network).groups[:3])
        return f"No group of channels of this network can be cut{f' ({held})' if held else ''}."

    def _least(self, at: Situation) -> float:
        """Layers may not vanish, so that there is a smallest network; no data are needed to find it."""
        network, evidence = at.network, Evidence.empty(at.capabilities, seed=at.seed)
        for share in _LEAST:
            try:
                Channels(allocation=self.allocation.toward(share)).plan(network, evidence)
            except InputError:
                continue
            return share
        return _LEAST[-1]

    def _seconds(self, at: Situation) -> float:
        return at.showing(3 * at.amounts.calibrate)  # gradients, and statistics of batch norms

    def add(self, at: Situation, chosen: Mapping[str, Any]) -> Recipe:
        """See `Move.add`."""
        return (*at.recipe, self.step(at, chosen))

    def step(self, at: Situation, chosen: Mapping[str, Any]) -> Channels:
        """The cut."""
        importance = chosen.get("importance", self.criteria(at)[0])
        return Channels(importance=importance, allocation=self.allocation.toward(chosen.get(str(self.dial), 0.5)))

    def criteria(self, at: Situation) -> tuple[Importance, ...]:  # noqa: ARG002 (for subclasses)
        """What channels may be ranked by, the default first."""
        return self.importance


@dataclasses.dataclass(frozen=True)
class CutByLot(CutChannels):
    """The control of every criterion: channels drawn by lot."""

    name: str = "random prune"

    def criteria(self, at: Situation) -> tuple[Importance, ...]:
        """See `CutChannels.criteria`: drawn by the seed of the run."""
        return (Random(seed=at.seed),)


@dataclasses.dataclass(frozen=True)
class CutForLatency(CutChannels):
    """Cut the channels that cost most time on the target for the little they matter: a knapsack over measured layers."""

    name: str = "prune by latency"
    dial: str | None = "share"
    importance: tuple[Importance, ...] = (Taylor(), Fisher())
    allocation: Allocation = Latency()  # noqa: RUF009 (a frozen value)

    def _objection(self, at: Situation) -> str:
        if at.evidence.stopwatch is None:
            return "Layers have to be timed on the target, and there is no stopwatch: `evidence.timed(...)`."
        return super()._objection(at)

    def _least(self, at: Situation) -> float:  # noqa: ARG002 (times are measured when the cut is made)
        return _LEAST[0]


@dataclasses.dataclass(frozen=True)
class LeaveOutBlocks(Move):
    """Leave out the residual blocks that are missed least."""

    name: str = "blocks"
    family: str = "prune"
    effects: frozenset[Effect] = frozenset({Effect.DEPTH})
    dial: str | None = "keep"

    def offer(self, at: Situation) -> Offer | Refusal:
        """See `Move.offer`: ``keep``, a share of the blocks."""
        found = len(blocks(at.network))
        reason = Blocks().check(at.state)
        if reason or not found:
            return Refusal(reason or "This network has no residual block that could be left out.")
        kept = tuple(round((found - gone) / found, 4) for gone in range(1, found + 1) if gone < found) or (0.5,)
        return Offer({"keep": Options(kept)}, at.showing(found * (found + 1) // 2 * Blocks().examples))

    def add(self, at: Situation, chosen: Mapping[str, Any]) -> Recipe:
        """See `Move.add`."""
        return (*at.recipe, Blocks(keep=chosen.get("keep", 0.5)))


@dataclasses.dataclass(frozen=True)
class CutInRounds(Move):
    """Do the last cut of channels and the training behind it little by little, in rounds."""

    name: str = "iterative"
    family: str = "prune"
    effects: frozenset[Effect] = frozenset({Effect.REPEAT})

    def offer(self, at: Situation) -> Offer | Refusal:
        """See `Move.offer`: ``rounds``; refused where no cut is followed by a training."""
        if self._place(at.recipe) is None:
            return Refusal(
                "Rounds are made of a cut of channels and the training behind it, and there is no such pair."
            )
        return Offer({"rounds": Options((3, 2, 5))})

    def add(self, at: Situation, chosen: Mapping[str, Any]) -> Recipe:
        """See `Move.add`: every round trains for its part of the epochs."""
        place, rounds = self._place(at.recipe), chosen.get("rounds", 3)
        if place is None:
            return at.recipe
        cut, train = at.recipe[place], at.recipe[place + 1]
        if not isinstance(cut, Channels) or not isinstance(train, Train):
            return at.recipe
        steps = iterative(cut, dataclasses.replace(train, epochs=train.epochs / rounds), rounds)
        return (*at.recipe[:place], *steps, *at.recipe[place + 2 :])

    @staticmethod
    def _place(recipe: Recipe) -> int | None:
        pairs = itertools.pairwise(recipe)
        found = [n for n, (a, b) in enumerate(pairs) if isinstance(a, Channels) and isinstance(b, Train)]
        return found[-1] if found else None


RANDOM = CutByLot()
CHANNELS = CutChannels(importance=(L2(), Taylor()), control=RANDOM, default=True)
LATENCY = CutForLatency(control=RANDOM)
STUDENT = CutChannels("student", effects=frozenset({Effect.WIDTH, Effect.ALIKE}), allocation=Uniform(macs=0.5))
BLOCKS = LeaveOutBlocks()
ROUNDS = CutInRounds()

MOVES: tuple[Move, ...] = (CHANNELS, LATENCY, BLOCKS, ROUNDS, STUDENT, RANDOM)
"""What is proposed first comes first."""

ARMS = (FamilyArm("prune", (CHANNELS, Effect.TRAIN)),)
