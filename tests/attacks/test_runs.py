"""Runs and certificates of somebody else that name something to run: every command refuses, by name, and runs nothing."""

import hashlib
import json
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

from paredown.cli import exits, main
from paredown.verdict.certificate import Certificate, certificate_path

from .test_networks import _chain, rewritten

_V0_1 = Path(__file__).parents[1] / "stored" / "v0_1"


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    """Types a command line in an empty directory; gives exit code and what was told on stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PAREDOWN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "path", [*sys.path])

    def run(*words):
        capsys.readouterr()
        code = exits.guarded(main.app, [str(word) for word in words])
        told = capsys.readouterr()
        return code, " ".join(told.err.split()), told.out

    return run


@pytest.fixture
def run(tmp_path):
    """A finished run of somebody else."""
    return Path(shutil.copytree(_V0_1 / "run", tmp_path / "run"))


@pytest.fixture
def evil(tmp_path):
    """A module that leaves a trace when it is imported; gives the trace."""
    ran = tmp_path / "ran"
    (tmp_path / "evil.py").write_text(f"open({str(ran)!r}, 'w').close()\ndef x(*_, **__): pass\n")
    yield ran
    sys.modules.pop("evil", None)


def _write(run, statement, *values):
    connection = sqlite3.connect(run / "ledger.sqlite")
    assert connection.execute(statement, values).rowcount
    connection.commit()
    connection.close()


def _read(run, statement):
    connection = sqlite3.connect(run / "ledger.sqlite")
    rows = connection.execute(statement).fetchall()
    connection.close()
    return rows


def _settings(run, **changes):
    (text,) = _read(run, "SELECT value FROM settings WHERE name = 'settings'")[0]
    _write(run, "UPDATE settings SET value = ? WHERE name = 'settings'", json.dumps(json.loads(text) | changes))


HOSTILE = {
    "function": {"ref": "evil:x"},
    "type": {"type": "evil:x", "threads": 1},
    "enumeration": {"enum": "evil:x", "name": "A"},
    "python": {"ref": "os:system"},
    "nested": {"type": "targets.OnnxRuntime", "threads": {"ref": "evil:x"}},
    "in a mapping": {"type": "targets.OnnxRuntime", "threads": {"dict": {"a": {"tuple": [{"ref": "evil:x"}]}}}},
}


@pytest.mark.parametrize("stored", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("word", ["report", "resume"])
def test_a_run_whose_settings_name_something_to_run_is_refused(command, run, evil, word, stored):
    _settings(run, target=stored)
    code, told, _ = command(word, run)
    assert code == exits.BAD_INPUT
    assert "'os:system'" in told or "'evil:x' is stored, and 'evil' is not imported" in told
    assert not evil.exists()
    assert "evil" not in sys.modules


@pytest.mark.parametrize("table", ["measurements", "decisions"])
def test_a_run_whose_results_name_something_to_run_is_refused(command, run, evil, table):
    name = {"measurements": "verdict", "decisions": "chosen"}[table]
    connection = sqlite3.connect(run / "ledger.sqlite")
    columns = len(connection.execute(f"SELECT * FROM {table}").description)  # noqa: S608 (of the test's own)
    values = (name, json.dumps({"ref": "evil:x"}), 0)[:columns]
    connection.execute(f"INSERT OR REPLACE INTO {table} VALUES ({','.join('?' * columns)})", values)  # noqa: S608
    connection.commit()
    connection.close()
    assert command("report", run)[:1] == (exits.BAD_INPUT,)
    assert not evil.exists()


def test_resuming_a_finished_run_does_not_run_the_network_in_it(command, run, evil, tmp_path):
    """What ran a command in version 0.1: the network behind the best file was one."""
    best = json.loads(_read(run, "SELECT value FROM decisions WHERE name = 'chosen'")[0][0])["best"]
    (text,) = _read(run, f"SELECT result FROM trials WHERE id = '{best}'")[0]  # noqa: S608 (of the test's own)
    name = json.loads(text)["network"]
    blob = run / "blobs" / name[:2] / name

    def change(description):
        description["graph"][1:1] = _chain(f"touch {evil}")

    made = rewritten(blob, tmp_path / "evil.pt2", change)
    other = f"{hashlib.sha256(made.read_bytes()).hexdigest()}.pt2"
    (run / "blobs" / other[:2]).mkdir(exist_ok=True)
    shutil.copyfile(made, run / "blobs" / other[:2] / other)
    _write(
        run, "UPDATE trials SET result = replace(result, ?, ?), blobs = replace(blobs, ?, ?)", name, other, name, other
    )
    code, told, _ = command("resume", run)
    assert code == exits.FAILED
    assert "holds a call of 'torch:no_grad', which no stored network may hold" in told
    assert not evil.exists()


def test_a_run_that_is_not_finished_says_what_it_imports_before_it_does(command, run, evil):
    _write(run, "UPDATE settings SET value = ? WHERE name = 'status'", json.dumps("interrupted"))
    _settings(run, reference="evil:x")
    code, told, _ = command("resume", run)
    assert code != exits.OK
    assert f"paredown: importing evil from {evil.parent / 'evil.py'}, which the run in {run} names as its task" in told
    assert evil.exists()  # that is what was said


@pytest.mark.parametrize("reference", ["os:abort", "subprocess:run", "antigravity:geohash"])
def test_a_task_is_never_taken_from_python(command, run, reference):
    _write(run, "UPDATE settings SET value = ? WHERE name = 'status'", json.dumps("interrupted"))
    _settings(run, reference=reference)
    code, told, _ = command("resume", run)
    assert code == exits.BAD_INPUT
    assert f"'{reference}': {reference.partition(':')[0]} belongs to Python and holds no task." in told


def test_a_function_of_python_behind_a_module_of_ones_own_is_no_task(command, tmp_path):
    (tmp_path / "imports_os.py").write_text("import os\n")
    code, told, _ = command("profile", "imports_os:os.abort")
    assert code == exits.BAD_INPUT
    assert "'imports_os:os.abort' is a builtin_function_or_method. It has to be a paredown.Task" in told


def test_a_report_needs_no_technique_to_be_at_hand(command, run, evil):
    recipe = {"tuple": [{"type": "evil:x", "depth": 3}, {"type": "paredown.quantize.int8:Int8"}]}
    _write(run, "UPDATE trials SET recipe = ? WHERE role = 'trial'", json.dumps(recipe))
    code, _, told = command("report", run, "--json")
    assert code == exits.OK
    (trial,) = [c for c in json.loads(told)["candidates"] if c["role"] == "trial"]
    assert trial["families"] == ["evil", "quantize"]
    assert not evil.exists()


@pytest.fixture
def certified(tmp_path):
    """A certified file of somebody else, and a way to change what is certified."""
    for file in _V0_1.glob("small.onnx*"):
        shutil.copyfile(file, tmp_path / file.name)
    file = tmp_path / "small.onnx"

    def change(**changes):
        path = certificate_path(file)
        body = json.loads(path.read_text()) | changes
        del body["content_sha256"]
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
        path.write_text(json.dumps({**body, "content_sha256": hashlib.sha256(text.encode()).hexdigest()}))
        return file

    return change


@pytest.mark.parametrize("target", HOSTILE.values(), ids=HOSTILE)
def test_a_certificate_whose_target_names_something_to_run_is_refused(command, certified, evil, target):
    code, told, _ = command("verify", certified(target=target))
    assert code != exits.OK
    assert "Pass it: `target=...`" in told or "'evil:x' is stored, and 'evil' is not imported" in told
    assert not evil.exists()


def test_a_certificate_whose_target_is_none_is_refused(command, certified):
    code, told, _ = command("verify", certified(target={"type": "targets.Lowering"}))
    assert code != exits.OK
    assert "The certificate names 'targets.Lowering' as its target, which is none." in told


def test_reading_a_certificate_decodes_nothing(certified, evil):
    file = certified(recipe={"ref": "evil:x"}, plans=[{"ref": "evil:x"}])
    assert Certificate.read(file).recipe == {"ref": "evil:x"}
    assert not evil.exists()
