"""What a training step takes in float32, in bfloat16, and compiled, on this machine.

    python -m benchmarks.step_speed            # some minutes; each compiled step takes up to one before it is timed

Rounds alternate between the three; a round is the median of a few steps, and the fastest round counts. What is best depends
on the processor, which is why `Train.fastest` times it.
"""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

import paredown
from benchmarks import record
from benchmarks.pages.step_speed import WAYS
from benchmarks.train_overhead import resnet20
from paredown.measure import processor
from paredown.recipe import Evidence, Train

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
import camvid_segmentation
import fsdd_speech
import sst2_text

CASES = {
    "ResNet-20, 32x32, batch 128": (resnet20, lambda n: torch.randn(n, 3, 32, 32), (), 128),
    "depthwise-separable, 40x63, batch 64": (fsdd_speech.network, lambda n: torch.randn(n, 1, 40, 63), (), 64),
    "U-Net, 96x128, batch 8": (camvid_segmentation.UNet, lambda n: torch.randn(n, 3, 96, 128), (96, 128), 8),
    "transformer, 32 tokens, batch 64": (sst2_text.Transformer, lambda n: torch.randint(3, 8000, (n, 32)), (), 64),
}
TRAININGS = dict(zip(WAYS, (Train(), Train(precision="bf16-mixed"), Train(compiled=True)), strict=True))


def measured(name: str, steps: int, rounds: int) -> dict[str, Any]:
    """Seconds of a step in every round, by way, and what compiling took at first."""
    build, draw, places, size = CASES[name]
    torch.manual_seed(0)
    inputs, targets = draw(4 * size), torch.randint(0, 2, (4 * size, *places))
    part = inputs[:8], targets[:8]
    data = paredown.Data((inputs, targets), calibrate=part, select=part, judge=part, batch_size=size)
    score = paredown.scores.of(lambda outputs, _: outputs.flatten(1).mean(1))
    task = paredown.Task(build().eval(), data, functional.cross_entropy, score)
    network, evidence = paredown.capture(task.model, inputs[:2]), Evidence.of(task)
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    compiling = 0.0
    for number in range(rounds):
        for way, train in TRAININGS.items():
            began = time.monotonic()
            seconds[way].append(train.seconds_per_step(network, evidence, steps))
            if train.compiled and not number:
                compiling = time.monotonic() - began - (steps + 1) * seconds[way][0]
    return {"case": name, "seconds": seconds, "compiling": compiling}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    found = [measured(name, options.steps, options.rounds) for name in options.only]
    about = {"torch": torch.__version__, "processor": str(processor()), "threads": torch.get_num_threads()}
    print(record.write("step-speed", {**about, "load_before": load, "step_speed": found}))


if __name__ == "__main__":
    main()
