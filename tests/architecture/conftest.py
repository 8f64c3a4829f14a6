"""A residual network that learned in seconds which quarter of a picture is bright; its second block does nothing."""

import numpy as np
import pytest
import torch
from torch import nn

import paredown
from paredown.recipe import Evidence


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x):
        return torch.relu(x + self.body(x))


class Residual(nn.Module):
    """A stem, two blocks, a strided block with a convolution as shortcut, one more block, a head."""

    def __init__(self, width=8):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.first, self.dead = Block(width), Block(width)
        self.down = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.shortcut = nn.Conv2d(width, 2 * width, 1, stride=2)
        self.last = Block(2 * width)
        self.head = nn.Linear(2 * width * 9, 4)

    def forward(self, x):
        x = self.dead(self.first(self.stem(x)))
        x = torch.relu(self.down(x) + self.shortcut(x))
        return self.head(self.last(x).flatten(1))


def pictures(n, seed):
    """Corners are bright or dark; the class says in which of two pairs they differ, which no linear map can tell."""
    draw = np.random.default_rng(seed)
    bright = draw.integers(0, 2, (n, 4))
    y = 2 * (bright[:, 0] ^ bright[:, 1]) + (bright[:, 2] ^ bright[:, 3])
    x = np.kron(bright.reshape(n, 1, 2, 2), np.ones((1, 1, 3, 3))) + draw.normal(0, 0.5, (n, 1, 6, 6))
    return x.astype("float32"), y


def _learned():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Residual()
        nn.init.zeros_(model.dead.body[4].weight)
        model.dead.body[4].requires_grad_(False)
        optimizer = torch.optim.Adam((p for p in model.parameters() if p.requires_grad), lr=1e-2)
        for step in range(120):
            x, y = (torch.from_numpy(array) for array in pictures(64, 100 + step))
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    return model.eval()


@pytest.fixture(scope="session")
def task():
    data = paredown.Data(
        pictures(512, 0), calibrate=pictures(128, 1), select=pictures(200, 2), judge=pictures(50, 3), batch_size=64
    )
    return paredown.Task(_learned(), data, nn.functional.cross_entropy, paredown.scores.accuracy)


@pytest.fixture
def network(task):
    return paredown.capture(task.model, torch.randn(2, 1, 6, 6, generator=torch.Generator().manual_seed(0)))


@pytest.fixture
def evidence(task):
    return Evidence.of(task)
