"""What a move may look at: the target, the networks, the data, and what is known about this run."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from paredown import codec
from paredown.budget import Budget
from paredown.errors import RecipeError
from paredown.graph.capabilities import Capabilities
from paredown.graph.network import Network
from paredown.recipe import run
from paredown.recipe.evidence import Evidence
from paredown.recipe.order import Recipe, RecipeStep
from paredown.recipe.train import Precision, Train
from paredown.recipe.transform import Transform

__all__ = ["Amounts", "Situation", "Timings", "Unmeasured"]

_Known = TypeVar("_Known")


class Timings(Protocol):
    """What trainings of this network take on this machine."""

    @property
    def step(self) -> float:
        """Seconds of a training step of the original."""

    @property
    def teacher(self) -> float:
        """Seconds of asking the original once per step."""

    @property
    def steps(self) -> int:
        """Training steps in an epoch."""

    @property
    def precision(self) -> Precision:
        """In which trainings are fast."""


@dataclasses.dataclass(frozen=True)
class Unmeasured:
    """`Timings` before anything was measured: nothing takes time."""

    step: float = 0.0
    teacher: float = 0.0
    steps: int = 1
    precision: Precision = "32-true"


@dataclasses.dataclass(frozen=True)
class Amounts:
    """How many examples there are: nothing where there are no data.

    Attributes:
        train: to train on.
        calibrate: to collect statistics from.
        select: to choose by.
        batch: examples of a batch.

    """

    train: int = 0
    calibrate: int = 0
    select: int = 0
    batch: int = 1


@dataclasses.dataclass(frozen=True)
class Situation:
    """Where in a recipe a move would be made, and all that it may know there.

    Attributes:
        original: the network that recipes begin with.
        evidence: data, loss, score, the target's capabilities and stopwatch, and the seed.
        recipe: the steps so far.
        budget: the user's; None where there is none.
        timings: measured.
        seconds: given to the whole run; infinite where nobody waits.
        learned: findings about this network, of any type, the latest last; see `known`.
        make: carries transforms out on the original; found in memory where it is left out.

    """

    original: Network
    evidence: Evidence
    recipe: Recipe = ()
    budget: Budget | None = None
    timings: Timings = Unmeasured()
    seconds: float = float("inf")
    learned: tuple[object, ...] = ()
    make: Callable[[Sequence[RecipeStep]], Network] | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What the target can execute."""
        return self.evidence.capabilities

    @property
    def seed(self) -> int:
        """Of everything random."""
        return self.evidence.seed

    @property
    def amounts(self) -> Amounts:
        """How many examples there are."""
        try:
            work = self.evidence.work
        except RecipeError:
            return Amounts()
        return Amounts(len(work.train), len(work.calibrate), len(work.select), work.batch_size)

    def showing(self, examples: int) -> float:
        """Seconds of showing so many examples to the original; a training step is about three such passes of a batch."""
        return examples / self.amounts.batch * self.timings.step / 3

    @property
    def continuous(self) -> bool:
        """All inputs are floating-point numbers, so that examples can be mixed; token ids cannot."""
        return all(spec.dtype.is_floating_point for spec in self.original.inputs)

    @property
    def state(self) -> frozenset[str]:
        """What the steps so far leave, in the words of `Transform.after`."""
        before: frozenset[str] = frozenset()
        return functools.reduce(lambda state, step: step.after(state), self.transforms, before)

    @property
    def transforms(self) -> tuple[Transform, ...]:
        """The steps so far that change the graph."""
        return tuple(step for step in self.recipe if isinstance(step, Transform))

    @property
    def trainings(self) -> tuple[Train, ...]:
        """The trainings so far."""
        return tuple(step for step in self.recipe if isinstance(step, Train))

    @property
    def network(self) -> Network:
        """The untrained network here; made when it is asked for. To be left bit-identical."""
        return self.after(self.recipe)

    def after(self, steps: Sequence[RecipeStep]) -> Network:
        """The untrained network behind some steps, trainings left out; to be left bit-identical."""
        transforms = tuple(step for step in steps if isinstance(step, Transform))
        if not transforms:
            return self.original
        if self.make is not None:
            return self.make(transforms)
        key = "made", self.original.fingerprint(), codec.fingerprint(transforms)
        return self.evidence.once(key, lambda: run.run(self.original, transforms, self.evidence).network)

    def at(self, recipe: Sequence[RecipeStep]) -> "Situation":
        """The situation behind other steps."""
        return dataclasses.replace(self, recipe=tuple(recipe))

    def knowing(self, *findings: object) -> "Situation":
        """With more that was learned on this network."""
        return dataclasses.replace(self, learned=(*self.learned, *findings))

    def known(self, kind: type[_Known]) -> _Known | None:
        """The latest finding of a type; None where there is none."""
        return next((finding for finding in reversed(self.learned) if isinstance(finding, kind)), None)
