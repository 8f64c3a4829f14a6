"""When to stop, and which weights to keep."""

import dataclasses

from paredown.errors import RecipeError

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
        if self.patience < 1:
            msg = (
                f"EarlyStop(patience={self.patience}) was given. It is 1 epoch or more. Write `EarlyStop(patience=5)`."
            )
            raise RecipeError(msg)
        if self.minimum < 0:
            msg = f"EarlyStop(minimum={self.minimum}) was given. It is 0 or more. Write `EarlyStop(minimum=0.0)`."
            raise RecipeError(msg)
