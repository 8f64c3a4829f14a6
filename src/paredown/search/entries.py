"""What a search keeps under names, so that a resumed one repeats its decisions."""

from paredown.run.ledger import Decision, Measurement
from paredown.run.results import Shape
from paredown.search.plan import Allocation, Pace
from paredown.search.training import Curve, Training

__all__ = [
    "ALLOCATION",
    "EXTRA",
    "GIVEN",
    "PACE",
    "RANGE_TEST",
    "RESERVE",
    "SECONDS_PER_ARM",
    "SHAPE",
    "SHAPES",
    "THREADS",
    "TRAINING",
]

PACE = Decision("pace", Pace)

RESERVE = Decision[float]("reserve", (int, float))
"""Seconds kept back for the end."""

GIVEN = Decision[float]("seconds given", (int, float))
"""To the run when it began: what transforms search for does not change when a run is taken up again with more time."""

SECONDS_PER_ARM = Decision[float]("seconds per arm", (int, float))
"""Of training, in a comparison."""

SHAPES = Decision("shapes", int)
"""How many untrained networks may be measured."""

ALLOCATION = Decision("allocation", Allocation)

TRAINING = Decision("training", Training)
"""How long and at which rate: ``TRAINING.of("proposal 3")``; no epochs where there is no time for it."""

RANGE_TEST = Decision("range test", Curve)
"""Of one network, by the transforms that make it."""

THREADS = Decision("threads", int)
"""Of the trainings of a single recipe; 0 where there is nothing to choose."""

EXTRA = Decision("extra", bool)
"""Whether there is time for one more: ``EXTRA.of(number)``."""

SHAPE = Measurement("shape", Shape)
"""An untrained network: ``SHAPE.of(fingerprint)``."""
