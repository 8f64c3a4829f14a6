"""How the learning rate goes over a training."""

import dataclasses
import math

from paredown.recipe.settings import require

__all__ = ["Constant", "Cosine", "Schedule"]


def _check_warmup(schedule: "Schedule") -> None:
    what = "the share of the training in which the learning rate rises, from 0 to below 1"
    require(lambda warmup: 0.0 <= warmup < 1.0, schedule, "warmup", what)


@dataclasses.dataclass(frozen=True)
class Cosine:
    """Linear warm-up, then half a cosine down to `floor` (Loshchilov & Hutter 2017, arXiv:1608.03983).

    Attributes:
        warmup: share of the training in which the rate rises.
        floor: rate at the end, as a share of the highest.

    """

    warmup: float = 0.05
    floor: float = 0.0

    def __post_init__(self) -> None:
        _check_warmup(self)
        require(lambda floor: 0.0 <= floor <= 1.0, self, "floor", "a share of the highest rate, from 0 to 1")

    def factor(self, done: float) -> float:
        """Share of the highest rate after a share `done` (0 to 1) of the training."""
        if done < self.warmup:
            return done / self.warmup
        past = (done - self.warmup) / (1.0 - self.warmup)
        return self.floor + (1.0 - self.floor) * 0.5 * (1.0 + math.cos(math.pi * min(past, 1.0)))


@dataclasses.dataclass(frozen=True)
class Constant:
    """Linear warm-up, then the same rate to the end.

    Attributes:
        warmup: share of the training in which the rate rises.

    """

    warmup: float = 0.0

    def __post_init__(self) -> None:
        _check_warmup(self)

    def factor(self, done: float) -> float:
        """Share of the highest rate after a share `done` (0 to 1) of the training."""
        return done / self.warmup if done < self.warmup else 1.0


Schedule = Cosine | Constant
