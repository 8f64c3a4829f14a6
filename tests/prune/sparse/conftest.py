"""Single layers, and data for them."""

import pytest
import torch
from torch import nn

import paredown
from paredown.recipe.evidence import Evidence


def correlated(seed, width, count=256):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, width, generator=generator) @ torch.randn(width, width, generator=generator)


@pytest.fixture
def posed():
    """``posed(model, x)`` gives the network captured from a model with drawn weights, and evidence on these inputs."""

    def make(model, x, seed=0):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for parameter in model.parameters():
                nn.init.normal_(parameter)
        split = x, torch.zeros(len(x), dtype=torch.long)
        data = paredown.Data(split, calibrate=split, select=split, judge=split, batch_size=64)
        task = paredown.Task(model, data, nn.functional.cross_entropy, paredown.scores.accuracy)
        return paredown.capture(model, x[:2]), Evidence.of(task)

    return make
