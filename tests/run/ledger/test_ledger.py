"""The run directory keeps what it was given, whatever happens to the process or the disk."""

import errno
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from paredown.data.openings import Openings
from paredown.errors import CorruptError, LedgerError, LockedError, ParedownError
from paredown.measure.interval import Interval
from paredown.run.ledger import (
    Decision,
    Ended,
    Filtered,
    Ledger,
    Measurement,
    Note,
    Setting,
    Skipped,
    Traceback,
    Unmade,
)

SEED = Setting("seed", int)
LATENCY = Measurement("latency", Interval)


@pytest.fixture
def users(tmp_path):
    return Openings(tmp_path / "cache")


@pytest.fixture
def ledger(tmp_path, users):
    with Ledger(tmp_path / "run", openings=users) as opened:
        yield opened


def test_everything_written_is_read_back_after_reopening(tmp_path, users):
    with Ledger(tmp_path / "run", openings=users) as ledger:
        SEED.write(ledger, 3)
        ledger.start("a", "arm", "int8", [1, {"x": 2.5}])
        name = ledger.blobs.put(b"file", ".onnx")
        ledger.finish("a", {"score": Interval(1.0, 0.5, float("inf"))}, 1.5, [name])
        ledger.start("b", "trial", "prune", [])
        ledger.fail("b", "the loss became NaN", 0.5)
        LATENCY.write(ledger, Interval(1.0, 0.9, 1.1))
        ledger.event(Note("hello"))
    with Ledger(tmp_path / "run", openings=users) as ledger:
        first, second = ledger.trials()
        assert SEED.read(ledger) == 3
        assert (first.state, first.recipe, first.blobs, first.seconds) == ("measured", [1, {"x": 2.5}], (name,), 1.5)
        assert first.result["score"] == Interval(1.0, 0.5, float("inf"))
        assert (second.number, second.state, second.failure) == (1, "failed", "the loss became NaN")
        assert LATENCY.needed(ledger).high == 1.1
        assert ledger.blobs.open(name).read_bytes() == b"file"
        assert ledger.events() == (Note("hello"),)


def test_a_decision_is_taken_once(ledger):
    epochs = Decision("epochs", float)
    assert epochs.read(ledger) is None
    assert epochs.of("arm", 3).once(ledger, lambda: 2.5) == 2.5
    assert epochs.of("arm", 3).once(ledger, lambda: pytest.fail("computed twice")) == 2.5
    assert epochs.of("arm", 4).read(ledger) is None


def test_writes_together_are_all_or_none(ledger):
    def half():
        with ledger.together():
            SEED.write(ledger, 1)
            raise KeyError

    with pytest.raises(KeyError):
        half()
    assert SEED.read(ledger) is None


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
    SEED.write(ledger, 3)
    with Ledger(tmp_path / "run", writable=False) as reader:
        assert SEED.read(reader) == 3
        with pytest.raises(LedgerError, match="readonly"):
            SEED.write(reader, 4)


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
            ledger.event(Note(f"line {number} " * 20))
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
    with pytest.raises(LedgerError, match="version 99; this Paredown reads versions 1 and 2"):
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
    ledger.event(Note("before"))
    pages = ledger._connection.execute("PRAGMA page_count").fetchone()[0]
    ledger._connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(LedgerError, match=r"No space was left.*ledger\.sqlite.*intact"):
        ledger.event(Note("x" * 100_000))
    ledger._connection.execute(f"PRAGMA max_page_count={pages * 100}")
    assert ledger.events() == (Note("before"),)
    ledger.event(Note("after"))


def test_what_is_needed_and_missing_is_named(ledger):
    with pytest.raises(LedgerError, match=r"has no latency yet\. Finish the run first: paredown resume"):
        LATENCY.needed(ledger)


def test_a_value_of_another_type_is_refused(ledger):
    Setting("seed", str).write(ledger, "three")
    with pytest.raises(CorruptError, match=r"holds a value of type str as 'seed', where int belongs.*--out runs/other"):
        SEED.read(ledger)


def test_a_trial_is_finished_after_it_was_started(ledger):
    with pytest.raises(LedgerError, match=r"holds no trial a\. Start it before it is finished"):
        ledger.finish("a", 1, 0.1)


EVENTS = (
    Note("hello"),
    Skipped("prune", "no time left for it"),
    Filtered(3, {"latency": 0.2}),
    Unmade("prune → int8", "LoweringError: no words"),
    Traceback("Traceback ..."),
    Ended("KeyboardInterrupt: "),
)


def test_events_are_read_back_as_they_were(ledger):
    for event in EVENTS:
        ledger.event(event)
    assert ledger.events() == EVENTS


@pytest.fixture
def whole(tmp_path, users):
    """A ledger with rows in every table, everything in one file."""
    with Ledger(tmp_path / "run", openings=users) as ledger:
        SEED.write(ledger, 3)
        Decision("epochs", float).once(ledger, lambda: 2.5)
        for number in range(8):
            ledger.start(f"t{number}", "trial", f"prune {number}0%", [{"x": number}])
            ledger.finish(f"t{number}", Interval(number, 0.5, 2.0), 1, ["ab.onnx"])
            ledger.add_step(f"k{number}", "ab.pt2", {"macs": number})
        LATENCY.write(ledger, Interval(1.0, 0.9, 1.1))
        ledger.open_judge("data", "opening")
        for event in EVENTS:
            ledger.event(event)
        ledger._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return tmp_path / "run"


def everything(directory, users):
    with Ledger(directory, writable=False, openings=users) as ledger:
        steps = [ledger.step(f"k{number}") for number in range(8)]
        decided = Decision("epochs", float).read(ledger)
        return (
            SEED.read(ledger),
            decided,
            ledger.trials(),
            steps,
            LATENCY.read(ledger),
            ledger.events(),
            ledger.openings(),
        )


def test_no_flipped_bit_or_digit_changes_what_is_read_in_silence(whole, users):
    file = whole / "ledger.sqlite"
    content, expected = file.read_bytes(), everything(whole, users)
    used = [place for place, byte in enumerate(content) if byte]
    digits = [place for place in used if chr(content[place]).isdigit()]
    draw = random.Random(0)  # noqa: S311 (which bits)
    changes = [(place, content[place] ^ (1 << draw.randrange(8))) for place in draw.choices(used, k=400)]
    changes += [(place, ord("7") if content[place] != ord("7") else ord("8")) for place in draw.choices(digits, k=400)]
    refused = 0
    for place, byte in changes:
        file.write_bytes(content[:place] + bytes([byte]) + content[place + 1 :])
        try:
            assert everything(whole, users) == expected
        except ParedownError:
            refused += 1
    assert refused > 600


def test_a_row_that_was_edited_is_named(whole, users):
    connection = sqlite3.connect(whole / "ledger.sqlite")
    connection.execute("UPDATE measurements SET value = replace(value, '0.9', '0.1')")
    connection.commit()
    connection.close()
    with pytest.raises(
        CorruptError, match=r"'latency' in its measurements does not hold what was written.*--out runs/other"
    ):
        Ledger(whole, writable=False, openings=users)


VERSION_1 = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE decisions (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE trials (
    id TEXT PRIMARY KEY, number INTEGER NOT NULL, role TEXT NOT NULL, label TEXT NOT NULL, recipe TEXT NOT NULL,
    state TEXT NOT NULL, result TEXT, failure TEXT NOT NULL DEFAULT '', seconds REAL NOT NULL DEFAULT 0,
    blobs TEXT NOT NULL DEFAULT '[]');
CREATE TABLE steps (key TEXT PRIMARY KEY, blob TEXT NOT NULL, record TEXT NOT NULL);
CREATE TABLE measurements (name TEXT PRIMARY KEY, value TEXT NOT NULL, time REAL NOT NULL);
CREATE TABLE openings (opening TEXT PRIMARY KEY, data TEXT NOT NULL, time REAL NOT NULL);
CREATE TABLE events (id INTEGER PRIMARY KEY, time REAL NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);
INSERT INTO settings VALUES ('seed', '3');
INSERT INTO decisions VALUES ('epochs', '2.5');
INSERT INTO trials (id, number, role, label, recipe, state, seconds) VALUES ('a', 0, 'arm', 'int8', '[]', 'failed', 1.5);
INSERT INTO events (time, kind, text) VALUES (1.0, 'warning', 'hello'), (2.0, 'skipped', 'prune: no time left for it'),
    (3.0, 'skipped', 'proposal 3: no time left for it'), (4.0, 'shape', 'int8: no words'), (5.0, 'ended', 'KeyboardInterrupt: '),
    (6.0, 'traceback', 'Traceback ...');
PRAGMA user_version=1;
"""


def test_a_ledger_of_version_1_is_read_and_brought_up_to_date_when_it_is_written(tmp_path, users):
    (tmp_path / "run").mkdir()
    connection = sqlite3.connect(tmp_path / "run/ledger.sqlite")
    connection.executescript(VERSION_1)
    connection.close()

    def facts(*, writable):
        with Ledger(tmp_path / "run", openings=users, writable=writable) as ledger:
            return (
                ledger._connection.execute("PRAGMA user_version").fetchone()[0],
                SEED.read(ledger),
                Decision("epochs", float).read(ledger),
                ledger.trials(),
                ledger.events(),
            )

    version, *before = facts(writable=False)
    assert version == 1
    assert before[3] == (
        Note("hello"),
        Skipped("prune", "no time left for it"),
        Skipped("proposal 3", "no time left for it", named=False),
        Unmade("int8", "no words"),
        Ended("KeyboardInterrupt: "),
        Traceback("Traceback ..."),
    )
    assert facts(writable=True) == (2, *before)
    assert facts(writable=False) == (2, *before)


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
        assert "cannot be written" in ledger.events()[0].text


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
