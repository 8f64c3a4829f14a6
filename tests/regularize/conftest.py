"""A small task on pictures, and a place to see what an ingredient makes of a batch."""

import types

import pytest
import torch
from torch import nn

import paredown
from paredown.recipe import AdamW, Evidence, Hook, Train


def draw(n, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 2, 6, 8, generator=generator)
    return x, (x[:, 0, :3].mean((1, 2)) > 0).long() + (x[:, 1, :3].mean((1, 2)) > 0).long()


def model():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(192, 3)
        )


@pytest.fixture(scope="session")
def captured():
    return paredown.capture(model(), torch.randn(2, 2, 6, 8))


@pytest.fixture
def setting(captured):
    """Evidence, a network, a training of one epoch; ``setting.task`` can be replaced."""
    splits = {"train": draw(128, 0), "calibrate": draw(16, 1), "select": draw(64, 2), "judge": draw(8, 3)}
    task = paredown.Task(
        model(), paredown.Data(**splits, batch_size=32), nn.functional.cross_entropy, paredown.scores.accuracy
    )
    return types.SimpleNamespace(
        task=task,
        evidence=Evidence.of(task),
        network=captured.copy(),
        train=Train(epochs=1, optimizer=AdamW(lr=1e-2, weight_decay=0.0), device="cpu", early=None),
    )


@pytest.fixture
def start(setting):
    """``start(ingredient)`` gives its hook; ``start(ingredient, task)`` for another task and network."""

    def begin(ingredient, task=None, network=None):
        import contextlib

        from paredown.recipe import TrainContext

        context = TrainContext(
            network=(network or setting.network).copy().train(),
            original=setting.network,
            evidence=Evidence.of(task) if task else setting.evidence,
            device=torch.device("cpu"),
            steps=10,
            steps_per_epoch=5,
            seed=0,
            precision="32-true",
            autocast=contextlib.nullcontext,
            tap=lambda path: None,
        )
        hook = ingredient.start(context)
        assert isinstance(hook, Hook)
        return hook

    return begin


@pytest.fixture
def made():
    """``made(model, x, y, loss, score)`` gives a task on these data and the network captured from the model."""

    def make(model, x, y, loss=nn.functional.cross_entropy, score=paredown.scores.accuracy):
        data = paredown.Data((x, y), calibrate=(x, y), select=(x, y), judge=(x, y), batch_size=8)
        if isinstance(x, dict):
            network = paredown.capture(model, **{name: tensor[:2] for name, tensor in x.items()})
        else:
            network = paredown.capture(model, x[:2])
        return paredown.Task(model, data, loss, score), network

    return make


class PerPixel(nn.Module):
    """Three classes for every pixel."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 1)

    def forward(self, x):
        return self.conv(x)


@pytest.fixture
def dense(made):
    """A task with a class for every pixel."""
    return made(PerPixel(), torch.rand(8, 2, 6, 8), torch.randint(3, (8, 6, 8)), score=paredown.scores.miou(3))


@pytest.fixture
def step():
    """``step(outputs, target, ...)`` gives what a hook's ``term`` is told."""

    def make(outputs, target, **known):
        from paredown.recipe import Step

        usual = {
            "number": 0,
            "inputs": outputs,
            "targets": ((1.0, target),),
            "raw": outputs,
            "outputs": outputs,
            "taps": {},
            "forward": lambda inputs: inputs,
            "examples": torch.arange(len(outputs)),
        }
        return Step(**{**usual, **known})

    return make


@pytest.fixture
def words():
    """A task on token ids with a number as target: nothing here is a picture or a class."""

    class Embed(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(10, 4)

        def forward(self, ids):
            return self.table(ids).mean((1, 2))

    splits = {
        name: (torch.arange(40).reshape(10, 4) % 10, torch.linspace(0, 1, 10))
        for name in ("train", "calibrate", "select", "judge")
    }
    task = paredown.Task(Embed(), paredown.Data(**splits), nn.functional.mse_loss, paredown.scores.squared_error)
    return task, paredown.capture(task.model, splits["train"][0][:2])
