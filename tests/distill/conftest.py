"""Small learners of the three kinds: classes, dense classes, numbers."""

import types

import pytest
import torch
from torch import nn

import paredown
from paredown.recipe import AdamW, Evidence, Train


class Mean(nn.Module):
    """Averages the length of a sequence away."""

    def forward(self, x):
        return x.mean(1)


def body(width, outputs):
    return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, outputs))


def learner(width, outputs=3, seed=0, tail=None):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return body(width, outputs) if tail is None else nn.Sequential(body(width, outputs), tail())


def draw(n, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 4, generator=generator)
    return x, (x[:, 0] > 0.4).long() + (x[:, 1] * x[:, 2] > 0).long()


def dense(x, y):
    """Sequences of five places, each with its class; the last place is padding."""
    x = torch.stack([x * scale for scale in (1.0, 0.5, 1.5, 2.0, 0.0)], 1)
    y = y[:, None].repeat(1, 5)
    y[:, -1] = -100
    return x, y


def numbers(x, y):
    return x, torch.stack([y.float(), x[:, 0], x[:, 1]], 1)


@pytest.fixture
def setting():
    """``setting(kind)``: evidence, a student, a bigger teacher; kind is ``classes``, ``dense`` or ``numbers``."""

    def make(kind="classes"):
        change = {"classes": lambda x, y: (x, y), "dense": dense, "numbers": numbers}[kind]
        splits = {name: change(*draw(n, seed)) for seed, (name, n) in enumerate(
            {"train": 256, "calibrate": 32, "select": 64, "judge": 8}.items())}  # fmt: skip
        loss = {
            "classes": nn.functional.cross_entropy,
            "dense": lambda outputs, target: nn.functional.cross_entropy(outputs.flatten(0, 1), target.flatten()),
            "numbers": nn.functional.mse_loss,
        }[kind]
        score = paredown.scores.of(lambda outputs, _: outputs.flatten(1).mean(1))
        data = paredown.Data(**splits, batch_size=32)
        task = paredown.Task(learner(4), data, loss, score)
        example = splits["train"][0][:2]
        return types.SimpleNamespace(
            task=task,
            evidence=Evidence.of(task),
            student=paredown.capture(learner(4), example),
            teacher=paredown.capture(learner(16, seed=1), example),
            train=Train(epochs=1, optimizer=AdamW(lr=1e-2), device="cpu", early=None),
        )

    return make
