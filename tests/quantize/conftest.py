"""A small network with everything that 8-bit kernels fuse, and evidence about it on real calibration data."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import paredown
from paredown.recipe import Evidence
from paredown.targets import OnnxRuntime


class Residual(nn.Module):
    """Convolutions with batch norm, a residual addition, a padded strided shortcut, a pool and a linear head."""

    def __init__(self, width=8):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.one, self.norm1 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.two, self.norm2 = nn.Conv2d(width, 2 * width, 3, 2, padding=1, bias=False), nn.BatchNorm2d(2 * width)
        self.head = nn.Linear(2 * width, 4)
        self.width = width

    def forward(self, x):
        x = self.norm(self.stem(x)).relu()
        x = (self.norm1(self.one(x)) + x).relu()
        half = self.width // 2
        shortcut = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, half, half))
        x = (self.norm2(self.two(x)) + shortcut).relu()
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


def pictures(n, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 3, 8, 8, generator=generator), torch.randint(0, 4, (n,), generator=generator)


def settle(model, *shape):
    """Batch norms that have seen something."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, std=0.3)
        model.train()
        with torch.no_grad():
            for _ in range(5):
                model(torch.randn(32, *shape))
    return model.eval()


def capture(model, *shape):
    return paredown.capture(settle(model, *shape), torch.randn(2, *shape, generator=torch.Generator().manual_seed(0)))


def evidence_of(inputs, capabilities=None, model=None):
    target = torch.arange(len(inputs)) % 4
    data = paredown.Data((inputs, target), (inputs, target), (inputs, target), (inputs, target), batch_size=32)
    task = paredown.Task(model or nn.Identity(), data, F.cross_entropy, paredown.scores.accuracy)
    return Evidence(data.work, task, capabilities or OnnxRuntime().capabilities)


@pytest.fixture(scope="session")
def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return capture(Residual(), 3, 8, 8)


@pytest.fixture(scope="session")
def evidence():
    return evidence_of(pictures(64, 0)[0])
