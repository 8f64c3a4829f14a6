"""A small ONNX file with a certificate that claims everything."""

import shutil

import pytest
import torch
from claimed import WEIGHT, full, onnx_file
from torch import nn

from paredown import scores
from paredown.data import Data
from paredown.task import Task


@pytest.fixture
def own_temp(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture(scope="session")
def task():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(200, 3, generator=generator)
    target = (inputs @ torch.from_numpy(WEIGHT)).argmax(1)
    target[:20] = 1 - target[:20]
    return Task(
        nn.Linear(3, 2),
        Data((inputs, target), select=(inputs[:100], target[:100]), judge=(inputs[50:], target[50:])),
        nn.functional.cross_entropy,
        scores.accuracy,
    )


@pytest.fixture(scope="session")
def certified(tmp_path_factory, task):
    """A file and an original with a certificate that claims everything, made once on the real runtime."""
    place = tmp_path_factory.mktemp("certified")
    original = onnx_file(place / "original.onnx", 2 * WEIGHT)
    return place, full(onnx_file(place / "small.onnx"), original, task)


@pytest.fixture
def made(tmp_path, certified):
    """Copies of the file and the original, and what is certified of the file; the certificate is not written yet."""
    place, certificate = certified
    for name in ("small.onnx", "original.onnx"):
        shutil.copy(place / name, tmp_path / name)
    return tmp_path / "small.onnx", certificate
