"""What keeps test processes that run side by side out of each other's way."""

import os
import resource
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

# One thread for each test process and for what it starts: the networks are tiny, and the cores are for the other tests.
os.environ.setdefault("OMP_NUM_THREADS", "1")

_PLACE = pytest.StashKey[Path]()
_STARTED: dict[str, float] = {}


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


def _processor_seconds():
    """Of this process and of all children that have ended."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logstart(nodeid):
    _STARTED[nodeid] = _processor_seconds()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item, call):
    """Note each test's processor time in the JUnit file, for `dev/durations.py`: it says more than a busy clock."""
    if call.when == "teardown" and item.nodeid in _STARTED:
        item.user_properties.append(("cpu_s", round(_processor_seconds() - _STARTED.pop(item.nodeid), 3)))
