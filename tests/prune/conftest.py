"""A small residual network with random statistics, and data for it."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import paredown
from paredown.recipe.evidence import Evidence
from paredown.testing.blocks import with_statistics


class Small(nn.Module):
    """A stem, one residual block, a head: three groups, two free of the shortcut."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.one, self.norm1 = nn.Conv2d(8, 12, 3, padding=1), nn.BatchNorm2d(12)
        self.two = nn.Conv2d(12, 8, 3, padding=1)
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        x = F.relu(self.norm(self.stem(x)))
        x = F.relu(x + self.two(F.relu(self.norm1(self.one(x)))))
        return self.head(x.mean((2, 3)))


def small():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return with_statistics(Small())


def pictures(count, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, 6, 6, generator=generator), torch.randint(0, 4, (count,), generator=generator)


@pytest.fixture(scope="session")
def network():
    return paredown.capture(small(), pictures(2, 0)[0])


@pytest.fixture(scope="session")
def evidence():
    data = paredown.Data(
        pictures(64, 1), calibrate=pictures(48, 2), select=pictures(32, 3), judge=pictures(16, 4), batch_size=16
    )
    task = paredown.Task(small(), data=data, loss=F.cross_entropy, score=paredown.scores.accuracy)
    return Evidence(task.data.work, task)
