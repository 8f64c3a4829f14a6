"""When to stop, and which weights to keep."""

import dataclasses

from paredown.recipe.settings import at_least_zero, require

__all__ = ["EarlyStop"]


@dataclasses.dataclass(frozen=True)
class EarlyStop:
    """Watch the score on `select` after every epoch, keep the best weights, end when it no longer rises.

    A score rises most while the learning rate falls, so a training whose schedule has not come down yet is not broken
    off: the rest of the schedule is run through in a fifth of the steps made, at least one epoch (a cool-down as in
    Hägele et al. 2024, arXiv:2405.18392). With a constant rate it ends at once.

    Attributes:
        patience: epochs without a better score before the training winds down.
        minimum: what counts as better, in the score's unit.

    """

    patience: int = 5
    minimum: float = 0.0

    def __post_init__(self) -> None:
        require(lambda patience: patience >= 1, self, "patience", "1 epoch or more")
        at_least_zero(self, "minimum")
