"""The run directory keeps what it was given, whatever happens to the process or the disk."""

import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from paredown.data.openings import Openings
from paredown.errors import CorruptError, LedgerError, LockedError
from paredown.measure.interval import Interval
from paredown.run.ledger import Ledger


@pytest.fixture
def users(tmp_path):
    return Openings(tmp_path / "cache")


@pytest.fixture
def ledger(tmp_path, users):
    with Ledger(tmp_path / "run", openings=users) as opened:
        yield opened


def test_everything_written_is_read_back_after_reopening(tmp_path, users):
    with Ledger(tmp_path / "run", openings=users) as ledger:
        ledger.set("seed", 3)
        ledger.start("a", "arm", "int8", [1, {"x": 2.5}])
        name = ledger.blobs.put(b"file", ".onnx")
        ledger.finish("a", {"score": Interval(1.0, 0.5, float("inf"))}, 1.5, [name])
        ledger.start("b", "trial", "prune", [])
        ledger.fail("b", "the loss became NaN", 0.5)
        ledger.measured("latency", Interval(1.0, 0.9, 1.1))
        ledger.event("note", "hello")
    with Ledger(tmp_path / "run", openings=users) as ledger:
        first, second = ledger.trials()
        assert ledger.get("seed") == 3
        assert (first.state, first.recipe, first.blobs, first.seconds) == ("measured", [1, {"x": 2.5}], (name,), 1.5)
        assert first.result["score"] == Interval(1.0, 0.5, float("inf"))
        assert (second.number, second.state, second.failure) == (1, "failed", "the loss became NaN")
        assert ledger.measurement("latency").high == 1.1
        assert ledger.blobs.open(name).read_bytes() == b"file"
        assert [text for _, _, text in ledger.events("note")] == ["hello"]


def test_a_decision_is_taken_once(ledger):
    assert ledger.decide("epochs", lambda: 2.5) == 2.5
    assert ledger.decide("epochs", lambda: pytest.fail("computed twice")) == 2.5


def test_writes_together_are_all_or_none(ledger):
    def half():
        with ledger.together():
            ledger.set("a", 1)
            raise KeyError

    with pytest.raises(KeyError):
        half()
    assert ledger.get("a") is None


def test_a_trial_begun_again_keeps_its_number(ledger):
    ledger.start("a", "arm", "int8", [])
    ledger.start("b", "arm", "prune", [])
    assert ledger.start("a", "arm", "int8", []).number == 0
    assert len(ledger.trials()) == 2


def test_two_processes_on_one_directory(tmp_path, ledger):
    code = "import sys; from paredown.run.ledger import Ledger; Ledger(sys.argv[1])"
    second = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "run")], capture_output=True, text=True, check=False
    )
    assert second.returncode != 0
    assert "LockedError" in second.stderr
    assert f"in use by process {os.getpid()} on" in second.stderr
    assert f"kill {os.getpid()}" in second.stderr
    assert "--out" in second.stderr


def test_the_lock_ends_with_its_process(tmp_path, users):
    code = "import sys, time; from paredown.run.ledger import Ledger; l = Ledger(sys.argv[1]); print('held', flush=True); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "run")], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(LockedError, match=f"process {holder.pid}"):
        Ledger(tmp_path / "run", openings=users)
    holder.kill()
    holder.communicate()
    Ledger(tmp_path / "run", openings=users).close()


def test_a_lock_whose_owner_is_unknown_still_says_what_to_do(tmp_path, ledger):
    (tmp_path / "run/owner.json").unlink()
    with pytest.raises(LockedError, match=r"in use by another process.*--out"):
        Ledger(tmp_path / "run")


def test_reading_needs_no_lock_and_cannot_write(tmp_path, ledger):
    ledger.set("seed", 3)
    with Ledger(tmp_path / "run", writable=False) as reader:
        assert reader.get("seed") == 3
        with pytest.raises(LedgerError, match="readonly"):
            reader.set("seed", 4)


def test_reading_where_no_run_is(tmp_path):
    with pytest.raises(LedgerError, match=r"holds no run.*--out"):
        Ledger(tmp_path / "nothing", writable=False)
    assert not (tmp_path / "nothing").exists()


def test_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match=r"file/run cannot be written .*another one: out='runs/other'"):
        Ledger(tmp_path / "file" / "run")


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc/sys").is_dir(), reason="no read-only place known here")
def test_a_directory_that_cannot_be_written(tmp_path):
    place = Path("/proc/sys") if os.geteuid() == 0 else tmp_path / "closed"
    if os.geteuid() != 0:
        place.mkdir(mode=0o500)
    with pytest.raises(LedgerError, match="cannot be written"):
        Ledger(place)


def test_a_damaged_database_is_named(tmp_path, users):
    with Ledger(tmp_path / "run", openings=users) as ledger:
        for number in range(200):
            ledger.event("note", f"line {number} " * 20)
    file = tmp_path / "run/ledger.sqlite"
    content = bytearray(file.read_bytes())
    content[4096 : len(content) - 4096] = os.urandom(len(content) - 8192)
    file.write_bytes(content)
    with pytest.raises(CorruptError, match=r"ledger\.sqlite is damaged"):
        Ledger(tmp_path / "run", openings=users)
    file.write_bytes(b"not a database at all" * 100)
    with pytest.raises(CorruptError, match=r"ledger\.sqlite is damaged"):
        Ledger(tmp_path / "run", openings=users)


def test_a_ledger_of_another_version(tmp_path, users):
    Ledger(tmp_path / "run", openings=users).close()
    connection = sqlite3.connect(tmp_path / "run/ledger.sqlite")
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(LedgerError, match="version 99; this Paredown reads version 1"):
        Ledger(tmp_path / "run", openings=users)


def test_a_changed_file_is_named(ledger):
    name = ledger.blobs.put(b"weights", ".onnx")
    ledger.blobs.path(name).write_bytes(b"changed")
    with pytest.raises(CorruptError, match=rf"{name}.*was changed after it was written.*paredown resume"):
        ledger.blobs.open(name)


def test_a_missing_file_is_named(ledger):
    name = ledger.blobs.put(b"weights", ".onnx")
    ledger.blobs.path(name).unlink()
    with pytest.raises(CorruptError, match=rf"{name} is missing.*paredown resume"):
        ledger.blobs.open(name)


def test_a_full_disk_loses_nothing_that_was_written(ledger, monkeypatch):
    kept = ledger.blobs.put(b"before", ".bin")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(LedgerError, match=r"No space was left.*intact.*paredown resume"):
            ledger.blobs.put(b"after", ".bin")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(LedgerError, match="No space was left"):
            ledger.blobs.put(b"after", ".bin")
    assert ledger.blobs.open(kept).read_bytes() == b"before"
    assert list((ledger.directory / "aside").iterdir()) == []
    assert ledger.blobs.put(b"after", ".bin")


def test_a_full_disk_under_the_database(ledger):
    ledger.event("note", "before")
    pages = ledger._connection.execute("PRAGMA page_count").fetchone()[0]
    ledger._connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(LedgerError, match=r"No space was left.*ledger\.sqlite.*intact"):
        ledger.event("note", "x" * 100_000)
    ledger._connection.execute(f"PRAGMA max_page_count={pages * 100}")
    assert [text for _, _, text in ledger.events()] == ["before"]
    ledger.event("note", "after")


def test_openings_are_counted_across_runs(tmp_path, users):
    for run in ("one", "two"):
        with Ledger(tmp_path / run, openings=users) as ledger:
            ledger.open_judge("data", f"opening of {run}")
            ledger.open_judge("data", f"opening of {run}")
            ledger.open_judge("other", f"other of {run}")
    with Ledger(tmp_path / "two", openings=users) as ledger:
        assert ledger.openings("data") == 2
        assert ledger.openings() == 2


def test_openings_are_counted_even_where_home_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with Ledger(tmp_path / "run", openings=Openings(tmp_path / "file" / "cache")) as ledger:
        ledger.open_judge("data", "opening")
        assert ledger.openings("data") == 1
        assert "cannot be written" in ledger.events("warning")[0][2]


def test_the_cache_directory_can_be_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PAREDOWN_CACHE", str(tmp_path / "here"))
    assert Openings().file == tmp_path / "here/openings.jsonl"
    monkeypatch.delenv("PAREDOWN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Openings().file == tmp_path / "paredown/openings.jsonl"


def test_a_torn_line_in_the_list_of_openings_is_passed_over(users):
    assert users.add("data", "one", Path("run"))
    with users.file.open("a") as stream:
        stream.write('{"data": "data", "open')
    assert users.count("data") == 1


WRITER = """
import json, sys
from paredown.run.ledger import Ledger
ledger = Ledger(sys.argv[1])
number = len(ledger.trials())
while True:
    ledger.start(f"t{number}", "trial", "x", [])
    name = ledger.blobs.put(json.dumps(number).encode() * 50_000, ".bin")
    ledger.finish(f"t{number}", number, 0.1, [name])
    print(number, flush=True)
    number += 1
"""


@pytest.mark.parametrize("delay", [0.0, 0.013, 0.05, 0.11])
def test_killed_at_any_moment_only_the_trial_in_flight_is_missing(tmp_path, users, delay):
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True)
    for _ in range(3):
        writer.stdout.readline()
    time.sleep(delay)
    writer.send_signal(signal.SIGKILL)
    told = [0, 1, 2] + [int(line) for line in writer.communicate()[0].splitlines() if line]
    with Ledger(tmp_path / "run", openings=users) as ledger:
        trials = ledger.trials()
        finished = [trial for trial in trials if trial.state == "measured"]
        assert [trial.result for trial in finished] == list(range(len(finished)))
        assert len(finished) in {len(told), len(told) + 1}
        assert len(trials) - len(finished) <= 1
        for trial in finished:
            assert ledger.blobs.open(trial.blobs[0]).read_bytes() == json.dumps(trial.result).encode() * 50_000
        assert not list((tmp_path / "run/aside").glob("*"))
