"""Trained networks of other people for speech, detection, pictures and machines, cut as they are.

    python -m benchmarks.pruned_checkpoints DATA [--only silero ultralight] [--out runs]     # some minutes on one core

``DATA`` holds ``silero-vad``, ``ultralight-face``, ``mlperf-tiny``, ``cifar10-jpeg`` and ``imagenet-sample-1k``. No
network gets a line of its own: every one is captured, cut to the same share of its multiply-accumulates, and recovers
on what it said itself before the cut, for the data here have no labels that fit (but for the CIFAR-10 pictures). What is scored on data that
neither cut nor recovery saw is therefore mostly agreement with the uncut network, which has 100 % by definition. The
detector of speech is scored step by step, every step from the states that the uncut network had.
"""

import argparse
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import paredown
from benchmarks import record
from benchmarks.checkpoints import tasks
from paredown import distill, prune, targets
from paredown.graph import analyse
from paredown.recipe import AdamW, Train

TARGET = targets.OnnxRuntime(threads=1)
SHARE = 0.5
CUT = prune.Channels(
    importance=prune.L2(over=prune.Mean(prune.ByMean())), allocation=prune.Global(macs=SHARE)
)  # what needs a gradient sees none: the uncut network is its own target


@dataclasses.dataclass(frozen=True)
class Case:
    """A network and what it is cut on.

    Attributes:
        title: for people.
        task: makes the task from the data folder.
        recovery: the training after the cut.

    """

    title: str
    task: Callable[[Path], paredown.Task]
    recovery: Train


def _train(epochs: float, lr: float = 1e-3, *, teacher: bool = False) -> Train:
    return Train(epochs=epochs, optimizer=AdamW(lr=lr), using=(distill.Logits(),) if teacher else (), early=None)


CASES: Mapping[str, Case] = {
    "silero": Case("Speech detector, Silero VAD (a recurrent cell)", tasks.speech, _train(40)),
    "ultralight": Case("Face detector, Ultra-Light-Fast RFB-320", tasks.faces, _train(5)),
    "resnet8": Case("Pictures, MLPerf Tiny ResNet-8", tasks.images, _train(5, teacher=True)),
    "person": Case("Person or none, MLPerf Tiny MobileNet 0.25", tasks.persons, _train(10)),
    "wakeword": Case("Wake word, MLPerf Tiny streaming DS-CNN", tasks.wake_word, _train(40)),
    "anomaly": Case("Machine sounds, MLPerf Tiny autoencoder", tasks.machines, _train(40)),
}


def measured(case: Case, data: Path, out: Path) -> dict[str, Any]:
    """Cut with and without recovery, timed and judged beside the original."""
    task = case.task(data)
    inputs, _ = next(iter(task.data.work.calibrate.batches(2, limit=2)))
    arguments, named = task.arguments(inputs)
    axes = analyse(paredown.capture(task.model, *arguments, **named))
    recipes = {"cut": (CUT,), "cut, recovered": (CUT, case.recovery)}
    run = paredown.compare(task, recipes, target=TARGET, time="4 min", out=out)
    return {
        "title": case.title,
        "run": run.summary().to_json(),
        "groups": len(axes.free),
        "frozen": sorted({str(group.frozen_by) for group in axes.groups if group.frozen_by}),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", choices=sorted(CASES), default=sorted(CASES))
    parser.add_argument("--out", type=Path, default=Path("runs"))
    options = parser.parse_args()
    for name in options.only:
        found = measured(CASES[name], options.data, options.out / f"pruned-{name}")
        print(record.write(f"pruned-{name}", {"pruned_checkpoint": found, "share": SHARE}), flush=True)


if __name__ == "__main__":
    main()
