"""A training as it is planned: how long, and at which learning rate."""

import dataclasses

from paredown.recipe.range_test import choose

__all__ = ["CAREFUL_RATE", "FINE_RATE", "RATE", "Curve", "Training"]

RATE = 5e-3
"""Of short trainings after a cut, where the original bears it; see `paredown.search.rates.Rates.worth`."""

FINE_RATE = 5e-4
"""Of short trainings of a network that was not cut: it is at a minimum, and a training that short cannot leave it."""

CAREFUL_RATE = 1e-3
"""Of short trainings after a cut, where nothing is known of what the original bears."""


@dataclasses.dataclass(frozen=True)
class Curve:
    """A range test: rates, what each had changed in the loss by then, and the level of the loss before."""

    rates: tuple[float, ...]
    gains: tuple[float, ...]
    level: float

    def rate(self, steps: int) -> float:
        """For a training of so many steps."""
        return choose(list(self.rates), list(self.gains), self.level, steps)


@dataclasses.dataclass(frozen=True)
class Training:
    """What there is time for.

    Attributes:
        epochs: 0 where there is none.
        rate: highest learning rate.
        seconds: expected for steps and scoring.
        test: seconds that the search for the rate took.
        rest: it gets whatever time is left, and the schedule ends with the time.

    """

    epochs: float = 0.0
    rate: float = RATE
    seconds: float = 0.0
    test: float = 0.0
    rest: bool = False
