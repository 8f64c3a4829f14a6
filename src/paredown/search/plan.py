"""How the time of a run is divided: few trials when there is little of it, never none. Pure arithmetic."""

import dataclasses
import math

from paredown.recipe.train import Precision
from paredown.search.space import Sketch

__all__ = ["Allocation", "Pace", "allocate", "epochs_in", "reserve", "rungs"]

_ARMS, _RUNGS = 0.20, 0.15  # of the training time; the rest belongs to the one that is promoted last
_LEAST_STEPS = 4
_MOST_EPOCHS = 60.0
_THOROUGH, _MOST = 0.25, 0.40  # of the time may be kept back for the end


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

    """

    step: float
    teacher: float
    steps: int
    overhead: float
    process: float
    predict: float
    precision: Precision = "32-true"

    def epoch(self, sketch: Sketch) -> float:
        """Seconds of an epoch of a sketch's longest training.

        A cut network saves less than its multiplications: batch norm, data and the optimizer's step stay. Training
        through fake-quantize nodes takes about twice as long (STACK measurements: 1.9 to 2.3 times).
        """
        step = self.step * (0.3 + 0.7 * sketch.macs) * (2.1 if sketch.aware else 1.0)
        return self.steps * (step + (self.teacher if sketch.distilled else 0.0))

    def range_test(self, steps: int) -> float:
        """Seconds of looking for a learning rate in so many steps: each is a training step and a further forward pass."""
        return steps * self.step * 4 / 3

    def ending(self, files: int, judge: int, rounds: int) -> float:
        """Seconds for measuring so many files fully in so many rounds, and predicting `judge` examples with each."""
        full = 1.8 * self.process
        return files * (rounds * full + judge * self.predict + 0.5 * self.process) + 1.0


@dataclasses.dataclass(frozen=True)
class Allocation:
    """Seconds of training for each part of a run.

    Attributes:
        arms: names of the arms and controls that are trained, in order.
        arm: for each of them.
        rung: for each candidate of the first rung.
        candidates: how many start in the first rung.
        last: for the one that is promoted last.

    """

    arms: tuple[str, ...]
    arm: float
    rung: float
    candidates: int
    last: float


def allocate(left: float, pace: Pace, arms: tuple[str, ...]) -> Allocation:
    """Divide the seconds that are left (the reserve already kept back).

    Args:
        left: seconds for arms and search together.
        pace: measured.
        arms: trained arms and controls, most important first; those that find no time are left out from the end.

    """
    least = max(pace.overhead, 1e-3) + _LEAST_STEPS * (pace.step + pace.teacher)
    # One combination always gets its part, however little that is.
    affordable = max(0, math.floor(0.75 * left / least))
    chosen = arms[: min(len(arms), affordable)]
    spare = affordable - len(chosen)
    training = max(0.0, left - (len(chosen) + 1) * pace.overhead)
    # A candidate is worth starting when it trains at least as long as its overhead takes, and a twelfth of an epoch.
    worth = max(pace.overhead, pace.steps * (pace.step + pace.teacher) / 12)
    candidates = max(1, min(12, spare + 1, int(_RUNGS * training / worth))) if left > 2 * least else 1
    training = max(0.0, training - (candidates - 1) * pace.overhead)
    arm = _ARMS * training / len(chosen) if chosen else 0.0
    # No arm needs more than the combination it is compared with.
    rung = _RUNGS * training / candidates
    last = training - arm * len(chosen) - (rung * candidates if candidates > 1 else 0.0)
    return Allocation(chosen, arm, rung if candidates > 1 else last / 3, candidates, last)


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
    thorough, brief = (pace.ending(files, judge, rounds) for rounds in (8, 3))
    return thorough if thorough <= _THOROUGH * left else min(brief, _MOST * left)
