"""What a training step of ResNet-20 takes in float32 and in bfloat16 on this machine.

python -m benchmarks.precision          # a minute, with every core
"""

import os

import torch
from torch.nn import functional

import paredown
from benchmarks import record
from benchmarks.train_overhead import resnet20
from paredown.recipe import Evidence, Train

BATCH, STEPS, ROUNDS = 128, 10, 3


def main() -> None:
    torch.manual_seed(0)
    pictures, labels = torch.randn(4 * BATCH, 3, 32, 32), torch.arange(4 * BATCH) % 10
    part = pictures[:64], labels[:64]
    data = paredown.Data((pictures, labels), calibrate=part, select=part, judge=part, batch_size=BATCH)
    task = paredown.Task(resnet20(), data, functional.cross_entropy, paredown.scores.accuracy)
    network, evidence = paredown.capture(task.model, pictures[:2]), Evidence.of(task)
    load = os.getloadavg()[0]
    seconds: dict[str, list[float]] = {"32-true": [], "bf16-mixed": []}
    for _ in range(ROUNDS):
        for precision in ("32-true", "bf16-mixed"):
            step = Train(batch_size=BATCH, precision=precision).seconds_per_step(network, evidence, STEPS)
            seconds[precision].append(step)
    result = {"torch": torch.__version__, "threads": torch.get_num_threads(), "batch": BATCH, "load_before": load}
    print(record.write("precision", {**result, "seconds_per_step": seconds}))


if __name__ == "__main__":
    main()
