"""Spectrograms with bars of silence."""

import dataclasses

from paredown.recipe.ingredient import Hook, Ingredient, TrainContext
from paredown.recipe.settings import share, whole
from paredown.regularize.time_mask import Masking, series

__all__ = ["SpecAugment"]


@dataclasses.dataclass(frozen=True)
class SpecAugment(Ingredient):
    """Set bars of time and of frequency to 0 (Park et al. 2019, arXiv:1904.08779, section 2; without time warping).

    For spectrograms ``[n, frequency, time]`` or ``[n, channels, frequency, time]`` of mean 0. Every example gets bars
    of its own; the width of each is uniform between nothing and the share given.

    Attributes:
        frequency: widest bar as a share of the frequencies, above 0, below 1.
        time: widest bar as a share of the time, above 0, below 1.
        count: bars of each kind, which may overlap.

    """

    frequency: float = 0.3
    time: float = 0.3
    count: int = 1

    def __post_init__(self) -> None:
        share(self, "frequency", "time")
        whole(self, "count")

    def start(self, context: TrainContext) -> Hook:
        """Look at the inputs.

        Raises:
            RecipeError: they hold no spectrograms.

        """
        series(context, "regularize.SpecAugment", (-2, -1))
        return Masking(((-2, self.frequency), (-1, self.time)), self.count)
