"""Killed at any moment, a run goes on and loses at most the trial in flight."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import paredown
from paredown import quantize
from paredown.errors import InputError, LedgerError, LockedError
from paredown.search import Ledger, Run, compress, resume

PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
import toy
from torch.nn import functional as F
import paredown

def task():
    data = paredown.Data(
        train=toy.examples(192, 1), select=toy.examples(90, 2), judge=toy.examples(90, 3), batch_size=32
    )
    return paredown.Task(toy.trained(), data, F.cross_entropy, paredown.scores.accuracy, name="tiny")

if __name__ == "__main__":
    budget = paredown.Budget(latency="80%", drop="10 pt")
    paredown.compress(paredown.Task.load("program:task"), budget, time="8 s", out="run")
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    (tmp_path / "program.py").write_text(PROGRAM.format(tests=str(Path(__file__).parent)))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "program.py"


def _heeds_ctrl_c():
    """Where the tests themselves run in the background, SIGINT may be ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def started(program):
    return subprocess.Popen(
        [sys.executable, str(program)],
        cwd=program.parent,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_heeds_ctrl_c,  # noqa: PLW1509 (no threads here)
    )


def trials(directory):
    if not (directory / "ledger.sqlite").is_file():
        return []
    try:
        with Ledger(directory, writable=False) as ledger:
            return [(trial.label, trial.state) for trial in ledger.trials()]
    except LedgerError:
        return []


def wait_for(process, directory, measured, timeout=120.0):
    """Until so many trials are done, then a random little longer."""
    end = time.monotonic() + timeout
    while time.monotonic() < end and process.poll() is None:
        if sum(state == "measured" for _, state in trials(directory)) >= measured:
            break
        time.sleep(0.05)
    time.sleep(random.Random(measured).uniform(0.0, 1.5))  # noqa: S311 (any moment will do)


def test_killed_several_times_then_resumed(program):
    directory = program.parent / "run"
    kept: list[tuple[str, str]] = []
    for measured in (1, 3):
        process = started(program)
        wait_for(process, directory, measured)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        now = [entry for entry in trials(directory) if entry[1] == "measured"]
        assert now[: len(kept)] == kept  # nothing that was done is lost
        kept = now
        assert sum(state == "running" for _, state in trials(directory)) <= 1
    with Ledger(directory, writable=False) as ledger:
        before = {trial.id: trial.seconds for trial in ledger.trials() if trial.state == "measured"}
    run = resume(directory)
    after = {trial.id: trial.seconds for trial in run.record.trials}
    assert {key: after[key] for key in before} == before  # nothing that was done is done again
    assert run.record.status == "finished"
    assert run.best.save("best.onnx").is_file()
    with Ledger(directory, writable=False) as ledger:
        assert ledger.openings() == 1
    assert resume(directory).best.label == run.best.label


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, None), (signal.SIGTERM, 143)])
def test_interrupted_politely_the_trial_in_flight_is_marked(program, number, code):
    directory = program.parent / "run"
    process = started(program)
    wait_for(process, directory, 2)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode != 0
    if code is not None:
        assert process.returncode == code
    found = Run(directory)
    assert found.record.status == "interrupted"
    assert "running" not in {trial.state for trial in found.record.trials}
    assert "interrupted" in found.summary().status
    with Ledger(directory):  # the lock is free
        pass


def test_two_runs_in_one_directory(task, tmp_path):
    with Ledger(tmp_path / "run"), pytest.raises(LockedError, match=f"in use by process {os.getpid()}"):
        compress(task, paredown.Budget(size="50%", drop="5 pt"), time="5 s", out=tmp_path / "run")


def test_a_run_of_a_script_needs_its_task(task, tmp_path):
    directory = tmp_path / "run"
    original = Ledger.event

    class Stop(BaseException):
        pass

    def stop(self, kind, text):
        original(self, kind, text)

    patch = pytest.MonkeyPatch()
    patch.setattr("paredown.search.ending.Ending.carry_out", lambda *_: (_ for _ in ()).throw(Stop()))
    with pytest.raises(Stop):
        compress(task, paredown.Budget(size="50%", drop="20 pt"), time="1 s", out=directory, families=[quantize])
    patch.undo()
    assert Run(directory).record.status == "interrupted"
    assert "Go on with paredown resume" in Run(directory).summary().verdict
    with pytest.raises(LedgerError, match=r"has no best file yet.*paredown resume"):
        _ = Run(directory).best
    with pytest.raises(InputError, match=r"started with a task from a script.*task=task"):
        resume(directory)
    run = resume(directory, task=task)
    assert run.record.status == "finished"
    assert run.best.save(tmp_path / "best.onnx").is_file()
    assert json.dumps(run.summary().to_json())


def test_resuming_what_is_no_run(tmp_path):
    with pytest.raises(LedgerError, match="holds no run"):
        resume(tmp_path)
