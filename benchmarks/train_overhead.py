"""What `Train` costs beside a loop written by hand, in processor time per optimizer step.

    python -m benchmarks.train_overhead            # about a minute

Both train the same batches with the same optimizer and clipping on one thread: the loop by hand the user's own module,
`Train` the captured network through Lightning Fabric. Rounds alternate; a step is the fastest tenth of its round, and of
the rounds the fastest counts, in processor time: what other work on the machine adds is no part of either loop.
"""

import argparse
import copy
import os
import statistics
import time
from typing import Any

import torch
from torch import nn
from torch.nn import functional

import paredown
from benchmarks import record
from paredown.graph.network import Network
from paredown.measure import processor
from paredown.recipe import AdamW, Constant, Evidence, Train


class Block(nn.Module):
    """Two convolutions and a shortcut that subsamples and pads with zeros (He et al. 2016, CIFAR-10)."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.stride, self.more = stride, (after - before) // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, before, h, w] to [n, after, h / stride, w / stride]."""
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        if self.more:
            x = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.more, self.more))
        return functional.relu(x + y)


def resnet20() -> nn.Module:
    """ResNet-20 for 32 x 32 pictures."""
    layers: list[nn.Module] = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    for before, after, stride in ((16, 16, 1), (16, 32, 2), (32, 64, 2)):
        layers += [Block(before, after, stride), Block(after, after, 1), Block(after, after, 1)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def small() -> nn.Module:
    """Three convolutions for 16 x 16 pictures."""
    layers: list[nn.Module] = []
    for before, after, stride in ((1, 32, 1), (32, 64, 2), (64, 64, 2)):
        layers += [nn.Conv2d(before, after, 3, stride, 1), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(1024, 10))


def mlp() -> nn.Module:
    """Two hidden layers of 64: so little work that the loop itself shows."""
    return nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


CASES = {
    "resnet20, 32x32, batch 128": (resnet20, (3, 32, 32), 128, 12),
    "small cnn, 16x16, batch 64": (small, (1, 16, 16), 64, 60),
    "mlp 64-64, batch 64": (mlp, (8,), 64, 300),
}


class Clock:
    """Processor seconds between steps."""

    def __init__(self) -> None:
        self.times = [time.process_time()]

    def update(self, text: str, done: float, total: float) -> None:  # noqa: ARG002 (a Progress)
        """One step has ended."""
        self.times.append(time.process_time())

    def step(self) -> float:
        """The fastest tenth, without the first two steps."""
        gaps = [b - a for a, b in zip(self.times[2:], self.times[3:], strict=False)]
        return statistics.quantiles(gaps, n=10)[0]


def by_hand(model: nn.Module, split: Any, size: int, steps: int) -> float:
    """Processor seconds of a step of a plain loop."""
    model = copy.deepcopy(model).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    clock, step = Clock(), 0
    while step < steps:
        for inputs, target in split.batches(size, shuffle_seed=step):
            optimizer.zero_grad(set_to_none=True)
            loss = functional.cross_entropy(model(inputs), target)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            loss.item()
            step += 1
            clock.update("", step, steps)
    return clock.step()


def by_train(network: Network, evidence: Evidence, size: int, steps: int) -> float:
    """Processor seconds of a step of `Train`."""
    train = Train(
        epochs=steps * size / len(evidence.work.train),
        batch_size=size,
        optimizer=AdamW(lr=1e-3),
        schedule=Constant(),
        early=None,
        device="cpu",
    )
    clock = Clock()
    train.fit(network, evidence, progress=clock)
    return clock.step()


def measure(name: str, rounds: int) -> dict[str, Any]:
    """One row of the result."""
    make, shape, size, steps = CASES[name]
    torch.manual_seed(0)
    count = size * 4
    pictures, labels = torch.randn(count, *shape), torch.randint(10, (count,))
    part = (pictures[:64], labels[:64])
    data = paredown.Data((pictures, labels), calibrate=part, select=part, judge=part)
    task = paredown.Task(make(), data, functional.cross_entropy, paredown.scores.accuracy)
    network, evidence = paredown.capture(task.model, pictures[:2]), Evidence.of(task)
    pairs = []
    for _ in range(rounds):
        hand = by_hand(task.model, data.work.train, size, steps)
        pairs.append((hand, by_train(network, evidence, size, steps)))
    hand, train = (1000 * min(times) for times in zip(*pairs, strict=True))
    return {
        "case": name,
        "by_hand_ms": round(hand, 3),
        "train_ms": round(train, 3),
        "overhead_ms": round(train - hand, 3),
        "overhead_percent": round(100 * (train / hand - 1), 2),
        "rounds": rounds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    result = {
        "torch": torch.__version__,
        "processor": str(processor()),
        "load_before": os.getloadavg()[0],
        "overhead": [measure(name, options.rounds) for name in CASES],
    }
    print(record.write("train-overhead", result))


if __name__ == "__main__":
    main()
