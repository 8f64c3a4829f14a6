"""A run of a thousand trials is told in no time, in little memory, on a page that opens."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from paredown import codec, report
from paredown.cli import searches
from paredown.measure import Size, processor
from paredown.run import certifying
from paredown.run.certifying import has_certificate
from paredown.run.reading import read
from paredown.run.summarise import summarise
from paredown.targets import OnnxRuntime
from paredown.verdict import Certificate
from paredown.verdict.certificate import file_sha256

from . import many

TRIALS = 1000
LOOK = """
import resource, sys
from paredown.cli import exits, main
from paredown.measure import resident
code = exits.guarded(main.app, sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_SELF)
print(code, used.ru_utime + used.ru_stime, resident.peak(), "torch" in sys.modules, file=sys.stderr)
"""


def told(*words):
    """What a command line printed and used: processor seconds, peak bytes, whether torch was loaded."""
    done = subprocess.run([sys.executable, "-c", LOOK, *map(str, words)], capture_output=True, text=True, check=True)
    code, seconds, peak, torch = done.stderr.splitlines()[-1].split()
    return SimpleNamespace(
        code=int(code), seconds=float(seconds), peak=int(peak), torch=torch == "True", out=done.stdout
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run, its best file and the certificate beside it, as `best.save` leaves them."""
    directory = tmp_path_factory.mktemp("many") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PAREDOWN_CACHE", str(directory.parent / "cache"))
        best = directory / "best.onnx"
        best.write_bytes(many.content(many.write(directory, TRIALS)))
    sha256, target = file_sha256(best), {"type": "paredown.targets.onnxruntime:OnnxRuntime"}
    about = best.name, sha256, "2026-11-20T14:03:11+00:00", target, "onnxruntime 1.31.1"
    Certificate(*about, processor(), Size(19, 19, 19)).write(best)
    return directory


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    directory = tmp_path_factory.mktemp("open") / "run"
    many.write(directory, TRIALS, finished=False)
    return directory


@pytest.mark.parametrize("command", ["report", "resume"])
def test_a_finished_run_is_told_in_seconds_and_little_memory(finished, command):
    done = told(command, finished)
    assert (done.code, done.torch) == (0, False)
    assert done.seconds < 3
    assert done.peak < 150e6
    assert (finished / "report.html").stat().st_size < 1e6
    assert "Against the original" in done.out


def test_so_is_one_that_was_interrupted(interrupted):
    done = told("report", interrupted)
    assert (done.code, done.torch) == (0, False)
    assert done.seconds < 3
    assert done.peak < 150e6
    assert (interrupted / "report.html").stat().st_size < 1e6
    assert "Frontier" in done.out


def test_a_finished_run_without_its_best_file_saves_it_anew(finished, tmp_path, monkeypatch):
    best = finished / "best.onnx"
    sha256 = file_sha256(best)
    assert has_certificate(best, sha256, OnnxRuntime())
    assert not has_certificate(best, "another", OnnxRuntime())
    (tmp_path / "best.onnx").write_bytes(best.read_bytes())
    assert not has_certificate(tmp_path / "best.onnx", sha256, OnnxRuntime())
    assert not has_certificate(tmp_path / "none.onnx", sha256, OnnxRuntime())
    monkeypatch.setattr(certifying, "has_certificate", lambda *_: False)
    monkeypatch.setattr(searches, "_resume", lambda out, **_: f"goes on with {out.name}")
    assert searches.resume(finished, as_json=False) == "goes on with run"


def test_plans_are_read_when_they_are_looked_at(finished):
    plan = read(finished).trials[-1].result.steps[0].plan
    assert "Late(" in repr(plan)
    assert set(plan) == {"technique", "reason", "decisions", "tensors", "complete"}
    assert len(plan["decisions"]["kept"]) == len(plan["tensors"]) / 2
    assert plan == dict(plan)
    assert json.loads(json.dumps(codec.encode(plan))) == codec.encode(dict(plan))


def test_the_page_tells_every_step_of_some_and_has_a_line_for_all(finished):
    page = report.html(summarise(read(finished)))
    assert page.count("data-entry=") == 60
    assert page.count("<tr data-id=") == TRIALS
    assert "Every step of 60 of the 1000 candidates" in page
