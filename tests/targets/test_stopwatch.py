"""The quick look: more work takes longer, nothing is left behind."""

import numpy as np
import pytest
import torch
from torch import nn

import paredown
from paredown import targets
from paredown.errors import LoweringError

_X = np.zeros((1, 3, 24, 24), np.float32)


def convolution(width):
    body = nn.Sequential(nn.Conv2d(3, width, 3), nn.Conv2d(width, width, 3), nn.Flatten(), nn.Linear(width * 400, 2))
    return paredown.capture(body.eval(), torch.randn(2, 3, 24, 24))


def test_more_work_takes_longer(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    small, large = targets.Stopwatch(targets.OnnxRuntime())([convolution(4), convolution(64)], [[_X], [_X]])
    assert 0 < small < large / 3
    assert not list(tmp_path.iterdir())


def test_what_the_target_cannot_take_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    class Odd(nn.Module):
        def forward(self, x):
            return torch.linalg.eigvalsh(x[:, 0, :3, :3] + x[:, 0, :3, :3].mT)

    network = paredown.capture(Odd(), torch.randn(2, 3, 24, 24))
    with pytest.raises(LoweringError, match=r"linalg_eigh|eigvalsh"):
        targets.Stopwatch(targets.OnnxRuntime())([convolution(4), network], [[_X], [_X]])
    assert not list(tmp_path.iterdir())
