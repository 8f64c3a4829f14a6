"""What things take on this machine: measured on the original before anything is planned."""

import time

from paredown.recipe.fastest import Trial, fastest_precision
from paredown.recipe.picks import Picks
from paredown.recipe.train import Train
from paredown.run.account import Purpose
from paredown.run.results import TrialResult
from paredown.search.plan import Pace
from paredown.search.space import Space
from paredown.trial.bench import Bench
from paredown.trial.threads import fastest_threads, training_threads

__all__ = ["measure_pace"]

_STEPS = 5
_ROUNDS = 2  # of the quick look at the original
_WITHIN = 0.01  # of the run's time for each kind of step that is timed
_TRANSFORMS = 0.5  # seconds that cutting, calibrating and storing take beside lowering and predicting


def measure_pace(bench: Bench, space: Space, original: TrialResult) -> Pace:
    """Time a few training steps, and the original's file on `select`.

    Steps are timed with one thread and with all, in both precisions where the processor has them, with and without a
    teacher.

    Args:
        bench: that has just made the original's file.
        space: whether a teacher may be used.
        original: its result.

    """
    bench.progress.begin("timing a training step")
    within = _WITHIN * bench.clock.limit
    trial, train = Trial(bench.network, bench.evidence, steps=_STEPS, within=within), Train(seed=bench.seed)
    with bench.account.spent(Purpose.PACE):
        threads, full = fastest_threads(lambda: trial.seconds(train))
        with training_threads(threads):
            precision, plain = fastest_precision(train, trial, full)
            taught = plain
            if space.teacher():
                at = space.situation.at((train,))
                (lesson,) = at.at(Picks(space.teacher()).recipe(at)).trainings
                taught = trial.seconds(train, using=lesson.using, precision=precision)
            began = time.monotonic()
            bench.evidence.evaluate(bench.network)
            evaluate = time.monotonic() - began
    work = bench.task.data.work
    artifact = bench.artifact(original.file, original.lowering)
    if "quick" not in bench.took:  # the original was made by an earlier process of this run
        bench.lower(bench.network)
        bench.predict(artifact, work.select)
        bench.quick(artifact, {})
    lowering, predicting, looking = (bench.took[what] for what in ("lower", "predict", "quick"))
    bench.predict(artifact, work.select.take(1, bench.seed))
    starting = min(bench.took["predict"], 0.95 * predicting)
    return Pace(
        step=plain,
        teacher=max(0.0, taught - plain),
        steps=Train().steps_per_epoch(work),
        overhead=lowering + predicting + _TRANSFORMS,
        process=looking / _ROUNDS,
        predict=(predicting - starting) / len(work.select),
        precision=precision,
        evaluate=evaluate,
        full=full,
        threads=threads,
    )
