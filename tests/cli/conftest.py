import json
from pathlib import Path

import pytest
from brisk import brisk

from paredown.cli import exits, main


@pytest.fixture(scope="package", autouse=True)
def measuring():
    """Numbers are printed here; how they are taken is tested in `measure`."""
    with brisk():
        yield


@pytest.fixture
def paredown(capsys, monkeypatch, tmp_path):
    """Types a command line; gives its exit code, what it printed, and what it told on stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(Path(__file__).parent)
    monkeypatch.setenv("PAREDOWN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.delenv("PAREDOWN_TRACEBACK", raising=False)

    def run(*words):
        capsys.readouterr()
        code = exits.guarded(main.app, [str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def as_json():
    """Reads standard output that has to be JSON and nothing else."""
    return lambda text: json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
