"""A task that is learned in a second: which corner of a small picture is bright."""

import numpy as np
import pytest
import torch
from torch import nn

import paredown
from paredown.recipe import Evidence


class Corner(nn.Module):
    """Two convolutions with batch norm, dropout and a linear head."""

    def __init__(self, width=6):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(width * 9, 4)

    def forward(self, x):
        return self.head(self.dropout(self.body(x).flatten(1)))


def pictures(n, seed):
    draw = np.random.default_rng(seed)
    y = draw.integers(0, 4, n)
    x = draw.normal(0, 1.0, (n, 1, 6, 6)).astype("float32")
    for i, corner in enumerate(y):
        x[i, 0, 3 * (corner // 2) :, :][:3, 3 * (corner % 2) :][:, :3] += 0.7
    return x, y


def corner():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Corner()


@pytest.fixture(scope="session")
def captured():
    return paredown.capture(corner(), torch.randn(2, 1, 6, 6, generator=torch.Generator().manual_seed(0)))


@pytest.fixture
def model():
    return corner()


@pytest.fixture(scope="session")
def data():
    return paredown.Data(
        pictures(320, 0), calibrate=pictures(48, 1), select=pictures(100, 2), judge=pictures(20, 3), batch_size=32
    )


@pytest.fixture
def task(model, data):
    return paredown.Task(model, data, nn.functional.cross_entropy, paredown.scores.accuracy)


@pytest.fixture
def network(captured):
    return captured.copy()


@pytest.fixture
def evidence(task):
    return Evidence.of(task)
