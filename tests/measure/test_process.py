"""The measuring process: it answers, it fails in words, and it dies with its parent."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from pretend import Pretend, pretend_file

from paredown.errors import InputError, MeasureError
from paredown.measure import leftovers
from paredown.measure.process import Worker
from paredown.measure.subject import Subject


def subject(path, **behaviour):
    return Subject.of(pretend_file(path / "f.pretend", **behaviour), Pretend())


@pytest.fixture(autouse=True)
def own_temp(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def gone(pid, seconds=10.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_answers_in_order_and_leaves_nothing_behind(tmp_path):
    it = subject(tmp_path)
    with Worker(it) as worker:
        assert worker.prepared["version"] == "pretend 1.0"
        opened = worker.ask({"do": "open", "path": str(it.path)})
        assert opened["inputs"] == [["x", "float32", [None, 2]]]
        assert opened["fixed_batch"] is None
        assert worker.ask({"do": "first"})["batch"] == 1
        warm = worker.ask({"do": "warm", "limit": 0.3})
        assert 0.2e6 <= warm["run_ns"] < 100e6
        told = worker.ask({"do": "time", "seconds": 0.01, "least": 5, "limit": 2.0})
        assert len(told["times"]) == len(told["shares"]) >= 2
        assert min(told["times"]) >= 0.2e6
        pid = worker.pid
        assert list((tmp_path / f"paredown-workers-{os.getuid()}").iterdir())
    assert gone(pid)
    assert not list((tmp_path / f"paredown-workers-{os.getuid()}").iterdir())


def test_threads_are_pinned(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    it = Subject.of(pretend_file(tmp_path / "f.pretend"), Pretend(threads=3))
    with Worker(it) as worker:
        environment = dict(
            part.split("=", 1) for part in Path(f"/proc/{worker.pid}/environ").read_text().split("\0") if "=" in part
        )
    assert environment["OMP_NUM_THREADS"] == environment["OPENBLAS_NUM_THREADS"] == "3"
    assert "OMP_WAIT_POLICY" not in environment


@pytest.mark.skipif(sys.platform != "linux", reason="affinity is a Linux call")
def test_processors_are_pinned(tmp_path):
    one = min(os.sched_getaffinity(0))
    with Worker(subject(tmp_path), cpus=(one,)) as worker:
        assert psutil.Process(worker.pid).cpu_affinity() == [one]


def test_a_crash_is_named(tmp_path):
    it = subject(tmp_path, run="crash")
    with Worker(it) as worker:
        worker.ask({"do": "open", "path": str(it.path)})
        with pytest.raises(MeasureError, match=r"f\.pretend was ended by SIGSEGV \(first\)(.|\n)*about to crash"):
            worker.ask({"do": "first"})


def test_an_exit_is_named(tmp_path):
    it = subject(tmp_path, open="exit")
    with (
        Worker(it) as worker,
        pytest.raises(MeasureError, match=r"ended with exit code 7 \(open\)(.|\n)*choose another target"),
    ):
        worker.ask({"do": "open", "path": str(it.path)})


def test_a_request_after_the_end_is_a_crash_too(tmp_path):
    with Worker(subject(tmp_path)) as worker:
        os.kill(worker.pid, signal.SIGKILL)
        assert gone(worker.pid)
        with pytest.raises(MeasureError, match=r"SIGKILL(.|\n)*memory ran out"):
            worker.ask({"do": "open", "path": "x" * 200_000})


def test_a_hang_is_killed_after_the_limit(tmp_path):
    it = subject(tmp_path, run="hang")
    with Worker(it, limit_s=60.0) as worker:
        worker.ask({"do": "open", "path": str(it.path)})
        worker._left = 0.3
        with pytest.raises(MeasureError, match=r"still busy \(first\) after 60 s(.|\n)*about to hang(.|\n)*limit_s="):
            worker.ask({"do": "first"})
        assert gone(worker.pid)


def test_the_runtimes_refusal_is_told(tmp_path):
    it = subject(tmp_path, open="raise")
    with (
        Worker(it) as worker,
        pytest.raises(MeasureError, match=r"refused f\.pretend \(open\): RuntimeError: no kernel(.|\n)*is complete"),
    ):
        worker.ask({"do": "open", "path": str(it.path)})


def test_inputs_that_do_not_fit_are_the_callers(tmp_path):
    it = subject(tmp_path, inputs=[["x", "float32", [None, None]]])
    with Worker(it) as worker:
        worker.ask({"do": "open", "path": str(it.path)})
        with pytest.raises(InputError, match=r"f\.pretend: Input 'x'.*more than the batch.*inputs="):
            worker.ask({"do": "first"})


def test_a_target_that_cannot_be_found_again_starts_nothing(tmp_path):
    class Local(Pretend):
        pass

    it = Subject.of(pretend_file(tmp_path / "f.pretend"), Local())
    with pytest.raises(InputError, match="importable name"):
        Worker(it)
    assert not list((tmp_path / f"paredown-workers-{os.getuid()}").iterdir())


PARENT = """
import sys, tempfile, time
tempfile.tempdir = {temp!r}
sys.path.insert(0, {here!r})
from pathlib import Path
from pretend import Pretend
from paredown.measure.process import Worker
from paredown.measure.subject import Subject
worker = Worker(Subject.of(Path({file!r}), Pretend()))
worker.ask({{"do": "open", "path": {file!r}}})
print(worker.pid, flush=True)
worker.ask({{"do": "first"}})
"""


def test_the_worker_dies_with_its_parent(tmp_path):
    file = pretend_file(tmp_path / "f.pretend", run="hang")
    code = PARENT.format(temp=str(tmp_path), here=str(Path(__file__).parent), file=str(file))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.kill()
    assert gone(pid)
    assert leftovers.end_leftovers() == 0  # its record is cleared away, nothing had to be ended


def stray(token):
    """A process that looks like a worker whose parent is gone."""
    code = "print(1, flush=True); input()"
    command = [sys.executable, "-c", code, "paredown.measure.worker", token, str(os.getpid())]
    process = subprocess.Popen(command, start_new_session=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


SECRET = "0123456789abcdef"  # noqa: S105 (a token of a test)


def orphan(record):
    told = json.loads(record.read_text())
    record.write_text(json.dumps({**told, "parent_started": 1.0}))


def test_leftovers_of_a_killed_run_are_ended():
    with stray(SECRET) as process:
        orphan(leftovers.remember(process.pid, SECRET))
        assert leftovers.end_leftovers() == 1
        assert process.wait(timeout=30) == -signal.SIGKILL
    assert leftovers.end_leftovers() == 0


@pytest.mark.parametrize("change", ["token", "started", "parent"])
def test_nothing_is_ended_that_is_not_provably_ours(change):
    with stray(SECRET) as process:
        record = leftovers.remember(process.pid, SECRET)
        if change != "parent":  # a living parent keeps its workers
            orphan(record)
        if change == "token":
            record.write_text(record.read_text().replace(SECRET, SECRET[::-1]))
        if change == "started":
            record.write_text(json.dumps({**json.loads(record.read_text()), "started": 5.0}))
        assert leftovers.end_leftovers() == 0
        assert process.poll() is None
        assert record.exists() == (change == "parent")
        process.kill()


@pytest.mark.parametrize("text", ["{", "[]", '{"pid": 1}', '{"pid": -1, "token": "x"}'])
def test_a_torn_record_is_cleared_away(text):
    record = leftovers.remember(os.getpid(), SECRET)
    record.write_text(text)
    assert leftovers.end_leftovers() == 0
    assert not record.exists()


def test_without_proc_the_system_is_asked():
    assert leftovers._created(os.getpid()) == round(psutil.Process().create_time(), 1)
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert leftovers._created(process.pid) is None
    assert leftovers._started(process.pid) is None


def test_the_worker_of_onnx_runtime_imports_no_torch():
    code = "import sys, paredown.measure.worker, paredown.targets; print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(json.loads(done.stdout.replace("'", '"')))
    assert not modules & {"torch", "scipy", "sklearn", "optuna", "psutil", "filelock"}
