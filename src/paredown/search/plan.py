"""How the time of a run is divided: few trials when there is little of it, never none. Pure arithmetic."""

import dataclasses
import math

from paredown.recipe.picks import Picks
from paredown.recipe.train import Precision
from paredown.recipe.training import AWARE, TRAIN
from paredown.run.enough import needed

__all__ = ["Allocation", "Pace", "allocate", "epochs_in", "is_short", "reserve", "rungs"]

_ARMS, _RUNGS = 0.20, 0.15  # of the training time; the rest belongs to the one that is promoted last
_MOST_ARMS = 1 / 3  # where arms need it to be judged at all,
_MOST_BESIDE = 0.6  # and with what trials take beside training
_CUT = 0.7  # seconds of a step of an arm, as a share of the original's
_SHORT = 10.0  # epochs in all below which a single candidate gets all of them
_SHORT_FILES = 5  # to measure then: the original, itself once more, 8 bits, the candidate, and one to spare
_LEAST_STEPS = 4
_RUNG_STEPS, _RUNG_EPOCHS = 100, 0.25  # of a candidate of the first rung, at the least
_MOST_CANDIDATES = 12
_MOST_EPOCHS = 60.0
_THOROUGH, _MOST = 0.25, 0.40  # of the time may be kept back for the end

_WHOLE = Picks.of(TRAIN)


@dataclasses.dataclass(frozen=True)
class Pace:
    """What things take, measured on the original, in seconds.

    Attributes:
        step: one training step of the original.
        teacher: asking the original once per step.
        steps: training steps in an epoch.
        overhead: what a trial takes beside training: transforms, lowering, predicting `select`.
        process: one fresh process for a quick look at a latency.
        predict: predicting one example with the original's file.
        precision: of trainings: the one that was measured to be fast on this machine.
        evaluate: scoring the original on `select`, as trainings do after every epoch.
        full: one training step in float32, as range tests make them; 0 where it is `step`.
        threads: of trainings, as measured to be fast; None takes all.

    """

    step: float
    teacher: float
    steps: int
    overhead: float
    process: float
    predict: float
    precision: Precision = "32-true"
    evaluate: float = 0.0
    full: float = 0.0
    threads: int | None = None

    def step_of(self, picks: Picks) -> float:
        """Seconds of a step of a candidate's longest training.

        A cut network saves less than its multiplications: batch norm, data and the optimizer's step stay.
        """
        return self.step * _size(picks) + (self.teacher if picks.taught else 0.0)

    def scoring(self, picks: Picks) -> float:
        """Seconds of scoring the network of a candidate on `select`."""
        return self.evaluate * _size(picks)

    def epoch(self, picks: Picks, slowness: float = 1.0) -> float:
        """Seconds of an epoch of a candidate's longest training, with the scoring after it.

        Args:
            picks: what is trained.
            slowness: how many times as long as measured a step has turned out to take.

        """
        return self.steps * self.step_of(picks) * slowness + self.scoring(picks)

    def training(self, picks: Picks, epochs: float, slowness: float = 1.0) -> float:
        """Seconds of a training: its epochs, and scoring where it ends between two of them."""
        return epochs * self.epoch(picks, slowness) + self.scoring(picks)

    def range_test(self, steps: int, picks: Picks = _WHOLE) -> float:
        """Seconds of looking for a learning rate in so many steps: each is a training step and a further forward pass."""
        return steps * (self.full or self.step) * 4 / 3 * _size(picks)

    def ending(self, files: int, judge: int, rounds: int) -> float:
        """Seconds for measuring so many files fully in so many rounds, and predicting `judge` examples with each."""
        full = 1.8 * self.process
        return files * (rounds * full + judge * self.predict + 0.5 * self.process) + 1.0


def _size(picks: Picks) -> float:
    return (0.3 + 0.7 * picks.size) * (AWARE if picks.aware else 1.0)


@dataclasses.dataclass(frozen=True)
class Allocation:
    """Seconds of training for each part of a run, with scoring and looking for a learning rate.

    Attributes:
        arms: names of the arms and controls that are trained, in order.
        arm: for each of them.
        rung: for each candidate of the first rung.
        candidates: how many start in the first rung.
        last: for the one that is promoted last.
        short: so few epochs fit that the first candidate gets all of them, and nothing else is trained.
        epochs: of the original that would fit into all of the time.

    """

    arms: tuple[str, ...]
    arm: float
    rung: float
    candidates: int
    last: float
    short: bool = False
    epochs: float = 0.0


def is_short(left: float, pace: Pace) -> bool:
    """Whether so few epochs fit into the seconds that are left that one candidate gets them all."""
    return left < _SHORT * pace.epoch(_WHOLE)


def allocate(left: float, pace: Pace, arms: tuple[str, ...]) -> Allocation:
    """Divide the seconds that are left (the reserve already kept back).

    Where about ten epochs fit, or fewer, one candidate gets them all: of several, none could be judged. In longer runs as
    many arms are trained as can be trained for long enough to be judged, in a third of the time at the most.

    Args:
        left: seconds for arms and search together.
        pace: measured.
        arms: trained arms and controls, most important first; those that find no time are left out from the end.

    """
    fitting = left / max(pace.epoch(_WHOLE), 1e-9)
    if is_short(left, pace):
        everything = max(0.0, left - pace.overhead)
        return Allocation((), 0.0, everything, 1, everything, short=True, epochs=fitting)
    need = _CUT * (needed(pace.steps) * pace.step + pace.evaluate * needed(pace.steps) / pace.steps)
    count = min(len(arms), int(_MOST_ARMS * left / need), int(_MOST_BESIDE * left / (need + pace.overhead)))
    training = max(0.0, left - (count + 1) * pace.overhead)
    arm = max(need, _ARMS * training / count) if count else 0.0
    # A candidate is worth starting when it trains at least as long as its overhead takes, and long enough to rank it.
    taught = pace.step + pace.teacher
    worth = max(pace.overhead, _RUNG_STEPS * taught, _RUNG_EPOCHS * pace.steps * taught) + pace.evaluate
    candidates = max(1, min(_MOST_CANDIDATES, int(_RUNGS * training / worth)))
    training = max(0.0, training - (candidates - 1) * pace.overhead)
    rung = _RUNGS * training / candidates
    last = max(0.0, training - arm * count - (rung * candidates if candidates > 1 else 0.0))
    if candidates == 1:
        rung, last = last / 3, last * 2 / 3
    return Allocation(arms[:count], arm, rung, candidates, last, epochs=fitting)


def epochs_in(seconds: float, epoch: float, steps: int) -> float:
    """Epochs that fit, in two digits; at least a few steps and at most what is any good."""
    least = _LEAST_STEPS / max(1, steps)
    epochs = min(_MOST_EPOCHS, max(least, seconds / max(epoch, 1e-9)))
    digits = 1 - math.floor(math.log10(epochs))
    return float(math.floor(epochs * 10.0**digits + 1e-9) / 10.0**digits)


def rungs(candidates: int, first: float, last: float) -> tuple[tuple[int, float], ...]:
    """Successive halving by threes: how many are trained, and seconds for each, rung by rung.

    The last rung holds one; it gets at least half of what there is for promotions.
    """
    steps: list[tuple[int, float]] = [(candidates, first)]
    count, spent = candidates, 0.0
    while count > 3:
        count = max(2, count // 3)
        each = min(first * 2, 0.25 * last / count)
        steps.append((count, each))
        spent += count * each
    return (*steps, (1, max(0.0, last - spent)))


def reserve(left: float, pace: Pace, files: int, judge: int) -> float:
    """Seconds to keep back for the end: thorough where there is time, never most of the run."""
    files = min(files, _SHORT_FILES) if is_short(left, pace) else files
    thorough, brief = (pace.ending(files, judge, rounds) for rounds in (8, 3))
    return thorough if thorough <= _THOROUGH * left else min(brief, _MOST * left)
