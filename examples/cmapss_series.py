"""Remaining life of jet engines from sensor series: a one-dimensional convolutional network at half its time.

    python examples/cmapss_series.py DATA --time "4 min"

``DATA`` holds ``cmapss-fd001/{train,test}.csv.gz`` and ``cmapss-fd001/test_rul.csv``.
"""

import gzip
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from command import main, need
from torch import Tensor, nn
from training import train

import paredown

NEEDED = ("cmapss-fd001/train.csv.gz", "cmapss-fd001/test.csv.gz", "cmapss-fd001/test_rul.csv")
WINDOW = 30  # cycles
CAP = 125.0  # cycles: an engine that lives longer than this is simply healthy
SENSORS = tuple(4 + sensor for sensor in (2, 3, 4, 7, 8, 9, 11, 12, 13, 14, 15, 17, 20, 21))  # those that move


class Residual(nn.Module):
    """Two convolutions over time beside a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv1d(width, width, 5, padding=2, bias=False), nn.BatchNorm1d(width))
        self.second = nn.Sequential(nn.Conv1d(width, width, 5, padding=2, bias=False), nn.BatchNorm1d(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(F.relu(self.first(x))))


def network(width: int = 64) -> nn.Sequential:
    """Sensors ``[n, 14, 30]`` in, one number out: the cycles left, as a share of `CAP`."""
    stem = nn.Sequential(nn.Conv1d(len(SENSORS), width, 5, padding=2, bias=False), nn.BatchNorm1d(width), nn.ReLU())
    head = (nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(width, 1))
    return nn.Sequential(stem, Residual(width), Residual(width), Residual(width), *head)


def table(path: Path) -> np.ndarray:
    """Rows of unit, cycle, three settings, 21 sensors."""
    with gzip.open(path, "rt") as file:
        return np.genfromtxt(file, delimiter=",", skip_header=1)


def windows(rows: np.ndarray, left: dict[int, float], every: int) -> tuple[Tensor, Tensor]:
    """Windows ending at every so many cycles of each engine, the last included; and the life left at their ends."""
    inputs, targets = [], []
    for unit in np.unique(rows[:, 0]):
        engine = rows[rows[:, 0] == unit][:, SENSORS]
        engine = np.vstack([np.repeat(engine[:1], max(0, WINDOW - len(engine)), axis=0), engine])
        for end in range(len(engine), WINDOW - 1, -every):
            inputs.append(engine[end - WINDOW : end].T)
            targets.append([min(CAP, left[int(unit)] + len(engine) - end) / CAP])
    return torch.tensor(np.stack(inputs)).float(), torch.tensor(targets).float()


def read(data: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """Engines 1 to 80 to train, 81 to 100 to choose, the official test engines to judge."""
    rows, test = table(data / NEEDED[0]), table(data / NEEDED[1])
    mean, std = rows[:, 2:].mean(0), rows[:, 2:].std(0) + 1e-9
    rows[:, 2:], test[:, 2:] = (rows[:, 2:] - mean) / std, (test[:, 2:] - mean) / std
    run_to_failure = dict.fromkeys(range(1, 101), 0.0)
    left = np.genfromtxt(data / NEEDED[2], delimiter=",", skip_header=1)[:, 1]
    return {
        "train": windows(rows[rows[:, 0] <= 80], run_to_failure, every=1),
        "select": windows(rows[rows[:, 0] > 80], run_to_failure, every=2),
        "judge": windows(test, dict(enumerate(left, start=1)), every=4),
    }


def load(data: Path) -> paredown.Task:
    """The task: a trained network, its windows, squared error, root mean squared error (as a share of `CAP`)."""
    need(data, NEEDED)
    parts = read(data)
    return paredown.Task(
        train(network(), *parts["train"], epochs=5, batch_size=128),
        data=paredown.Data(train=parts["train"], select=parts["select"], judge=parts["judge"], batch_size=128),
        loss=F.mse_loss,
        score=paredown.scores.root_squared_error,
        name="C-MAPSS FD001",
    )


if __name__ == "__main__":
    main(__doc__, load, time="4 min", latency="50%", drop="3%")
