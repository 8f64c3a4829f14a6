"""What a search keeps under names, so that a resumed one repeats its decisions."""

from paredown.run.ledger import Decision, Measurement
from paredown.run.results import Shape
from paredown.search.plan import Allocation, Pace

__all__ = [
    "ALLOCATION",
    "DEPTHS",
    "EPOCHS",
    "EVALUATIONS",
    "EXTRA",
    "LEAST_SHARE",
    "PACE",
    "RESERVE",
    "SECONDS_PER_ARM",
    "SHAPE",
    "SHAPES",
]

PACE = Decision("pace", Pace)

RESERVE = Decision[float]("reserve", (int, float))
"""Seconds kept back for the end."""

EVALUATIONS = Decision("evaluations", int)
"""Networks that one evolution may look at."""

SECONDS_PER_ARM = Decision[float]("seconds per arm", (int, float))
"""Of training, in a comparison."""

SHAPES = Decision("shapes", int)
"""How many untrained networks may be measured."""

ALLOCATION = Decision("allocation", Allocation)

EPOCHS = Decision[float]("epochs", (int, float))
"""Of one training: ``EPOCHS.of("proposal 3")``; 0 where there is no time for it."""

EXTRA = Decision("extra", bool)
"""Whether there is time for one more: ``EXTRA.of(number)``."""

LEAST_SHARE = Decision[float]("least share", (int, float))
"""The smallest share of multiplications that widths can be cut to."""

DEPTHS = Decision[tuple[float, ...]]("depths", tuple)
"""Shares of multiplications at which whole blocks can be left out."""

SHAPE = Measurement("shape", Shape)
"""An untrained network: ``SHAPE.of(fingerprint)``."""
