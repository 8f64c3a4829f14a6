"""The tiny task that searches are tested on."""

import pytest
from brisk import brisk
from torch.nn import functional as F

import paredown

from .toy import examples, trained


@pytest.fixture(scope="package", autouse=True)
def measuring():
    """Numbers are looked at here; how they are taken is tested in `measure`."""
    with brisk():
        yield


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Openings of judge are counted per test."""
    monkeypatch.setenv("PAREDOWN_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def model():
    return trained()


@pytest.fixture
def task(model):
    data = paredown.Data(train=examples(192, 1), select=examples(90, 2), judge=examples(90, 3), batch_size=32)
    return paredown.Task(model, data, F.cross_entropy, paredown.scores.accuracy, name="tiny")
