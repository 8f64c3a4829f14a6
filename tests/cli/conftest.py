import json
from pathlib import Path

import pytest

from paredown.cli import exits, main


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
