"""What keeps test processes that run side by side out of each other's way."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

# One thread for each test process and for what it starts: the networks are tiny, and the cores are for the other tests.
os.environ.setdefault("OMP_NUM_THREADS", "1")

_PLACE = pytest.StashKey[Path]()


def pytest_configure(config):
    """A temporary folder for each test process, so that none waits for the measuring lock of another."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = Path(tempfile.mkdtemp(prefix=f"paredown-{os.environ['PYTEST_XDIST_WORKER']}-"))
        config.stash[_PLACE] = folder
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder)


def pytest_unconfigure(config):
    if (folder := config.stash.get(_PLACE, None)) is not None:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def one_thread():
    """Opening a file pins torch's threads for the whole process; the tests that follow want theirs back."""
    yield
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != 1:
        torch.set_num_threads(1)
