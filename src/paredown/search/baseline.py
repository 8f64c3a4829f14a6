"""What things take on this machine: measured on the original before anything is planned."""

from paredown.recipe.train import Train
from paredown.search.bench import Bench
from paredown.search.plan import Pace
from paredown.search.results import TrialResult
from paredown.search.space import Space
from paredown.search.threads import training_threads

__all__ = ["measure_pace"]

_STEPS = 5
_TRANSFORMS = 0.5  # seconds that cutting, calibrating and storing take beside lowering and predicting


def measure_pace(bench: Bench, space: Space, original: TrialResult) -> Pace:
    """Time a few training steps with and without a teacher, and the original's file on `select`.

    Args:
        bench: that has just made the original's file.
        space: whether a teacher may be used.
        original: its result.

    """
    bench.progress.begin("timing a training step")
    with training_threads():
        plain = taught = Train(seed=bench.seed).seconds_per_step(bench.network, bench.evidence, _STEPS)
        if space.teacher():
            training = Train(using=space.teacher(), seed=bench.seed)
            taught = training.seconds_per_step(bench.network, bench.evidence, _STEPS)
    work = bench.task.data.work
    artifact = bench.artifact(original.file, original.lowering)
    lowering = bench.took.get("lower", 1.0)
    latency = bench.took.get("latency", 2.0)
    bench.predict(artifact, work.select.take(1, bench.seed))
    starting = bench.took["predict"]
    bench.predict(artifact, work.select)
    predicting = bench.took["predict"]
    return Pace(
        step=plain,
        teacher=max(0.0, taught - plain),
        steps=Train().steps_per_epoch(work),
        overhead=lowering + predicting + _TRANSFORMS,
        process=latency / (original.latency.pairs if original.latency else 2),
        predict=max(1e-6, predicting - starting) / len(work.select),
    )
