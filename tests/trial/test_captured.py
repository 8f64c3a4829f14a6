"""A task's model as a network."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import paredown
from paredown.errors import CaptureError
from paredown.trial.bench import captured


class TimeFirst(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.GRU(8, 8), nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.body(x)[0][-1])


class Turned(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = TimeFirst()

    def forward(self, x):
        return self.model(x.movedim(0, 1))


def task_of(model):
    rows = torch.randn(8, 5, 8), torch.zeros(8, dtype=torch.long)
    return paredown.Task(model, paredown.Data(rows, rows, rows, rows), F.cross_entropy, paredown.scores.accuracy)


def test_a_model_that_takes_time_first_is_refused_with_what_to_write():
    words = r"TimeFirst takes x as \[2, batch, 8\]; .* have the batch first.*`def forward\(self, x\): return self.model\(x.movedim\(0, 1\)\)`"
    with pytest.raises(CaptureError, match=words):
        captured(task_of(TimeFirst()))
    assert captured(task_of(Turned())).inputs[0].shape == ("batch", 5, 8)
