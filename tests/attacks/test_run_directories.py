"""A run directory from somebody else: reading it runs nothing, writing into it writes into it alone."""

import json
import os
import sqlite3
import sys

import pytest

from paredown import trust
from paredown.errors import CorruptError, LedgerError, TrustError
from paredown.measure import leftovers
from paredown.run.ledger import Blobs, Ledger

posix = pytest.mark.skipif(sys.platform == "win32", reason="links and modes of POSIX")
pytestmark = posix


@pytest.fixture
def run(tmp_path):
    """A run directory that was closed in good order."""
    with Ledger(tmp_path / "run") as ledger:
        ledger.blobs.put(b"content", ".bin")
    return tmp_path / "run"


@pytest.fixture
def precious(tmp_path):
    """Something of the reader's own."""
    file = tmp_path / "precious"
    file.write_text("mine")
    return file


def opened(run, *, writable):
    with Ledger(run, writable=writable):
        pass


@pytest.mark.parametrize("name", ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "lock", "owner.json"])
@pytest.mark.parametrize("writable", [True, False])
def test_links_in_the_place_of_files(run, precious, name, writable):
    (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(precious)
    with pytest.raises(TrustError, match=rf"{name} is a link to '.*precious'\. .*follows no links.*Remove it"):
        opened(run, writable=writable)
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("name", ["blobs", "aside"])
def test_links_in_the_place_of_folders(run, tmp_path, name):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("mine")
    (run / name).rename(tmp_path / "moved") if (run / name).exists() else None
    (run / name).symlink_to(elsewhere)
    for writable in (True, False):
        with pytest.raises(TrustError, match=rf"{name} is a link"):
            opened(run, writable=writable)
    with pytest.raises(TrustError):
        Blobs(run).put(b"something", ".bin")
    if name == "aside":
        with pytest.raises(TrustError):
            Blobs(run).clear_aside()
    assert [file.name for file in elsewhere.iterdir()] == ["file"]


def test_a_link_in_the_place_of_a_folder_of_blobs(run, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    name = "0" * 64 + ".bin"
    (run / "blobs/00").symlink_to(elsewhere)
    aside = Blobs(run).aside(".bin")
    aside.write_bytes(b"x")
    with pytest.raises(TrustError, match="00 is a link"):
        Blobs(run).adopt(aside, name)
    assert not list(elsewhere.iterdir())


def test_clearing_away_removes_links_and_not_what_they_lead_to(run, tmp_path, precious):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("mine")
    (run / "aside").mkdir(exist_ok=True)
    (run / "aside/folder").symlink_to(elsewhere)
    (run / "aside/file").symlink_to(precious)
    opened(run, writable=True)
    assert not list((run / "aside").iterdir())
    assert (elsewhere / "file").read_text() == precious.read_text() == "mine"


def test_a_pipe_in_the_place_of_a_file_does_not_hang(run):
    (run / "ledger.sqlite").unlink()
    os.mkfifo(run / "ledger.sqlite")
    with pytest.raises(TrustError, match="is not a file"):
        opened(run, writable=False)


@pytest.mark.parametrize("name", ["../../precious", "/etc/passwd", "ab/../../x", "x" * 64, "0" * 64 + "/../x"])
def test_names_of_blobs_that_lead_elsewhere(run, name):
    for use in (Blobs(run).open, Blobs(run).path, Blobs(run).has):
        with pytest.raises(CorruptError, match="is no name of a stored file"):
            use(name)


def test_what_is_written_replaces_a_link(tmp_path, precious):
    for write in (
        lambda path: trust.write_whole(path, "text"),
        lambda path: trust.write_whole(path, b"bytes"),
        lambda path: trust.copy_whole(tmp_path / "source", path),
    ):
        (tmp_path / "source").write_bytes(b"source")
        (tmp_path / "report.html").unlink(missing_ok=True)
        (tmp_path / "report.html").symlink_to(precious)
        write(tmp_path / "report.html")
        assert not (tmp_path / "report.html").is_symlink()
        assert precious.read_text() == "mine"
    assert sorted(file.name for file in tmp_path.iterdir() if file.is_file()) == ["precious", "report.html", "source"]


def test_nothing_half_written_stays(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="directory"):
        trust.write_whole(tmp_path / "folder", "text")
    assert [file.name for file in tmp_path.glob(".folder*")] == []


def altered(run, sql):
    with sqlite3.connect(run / "ledger.sqlite", isolation_level=None) as connection:
        connection.executescript(sql)
    connection.close()


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("CREATE VIEW events2 AS SELECT load_extension('x')", r"view 'events2'"),
        ("DROP TABLE events; CREATE VIEW events AS SELECT 1 AS id, 2 AS time, 3 AS kind, 4 AS text", r"'events'"),
        ("CREATE TRIGGER spy AFTER INSERT ON events BEGIN DELETE FROM trials; END", r"trigger 'spy'"),
        ("CREATE INDEX slow ON trials (abs(seconds))", r"index 'slow'"),
        ("CREATE TABLE more (a)", r"table 'more'"),
        ("CREATE VIRTUAL TABLE found USING fts5(a)", r"table 'found"),
        ("ALTER TABLE trials ADD COLUMN extra TEXT DEFAULT (abs(1))", r"table 'trials'"),
        ("DROP TABLE openings", r"table 'openings'"),
    ],
)
@pytest.mark.parametrize("writable", [True, False])
def test_databases_that_are_no_ledger(run, sql, words, writable):
    altered(run, sql)
    with pytest.raises(CorruptError, match=rf"does not hold the tables of a ledger \(look at .*{words}"):
        opened(run, writable=writable)


def test_a_reader_leaves_nothing_and_cannot_write(run):
    before = {file.name: file.read_bytes() for file in run.iterdir() if file.is_file()}
    with Ledger(run, writable=False) as ledger:
        ledger.trials()
        with pytest.raises(LedgerError):
            ledger._run("INSERT INTO openings VALUES ('a', 'b', 1, 'c')")
        assert ledger._run("PRAGMA trusted_schema") == [(0,)]
        assert ledger._run("PRAGMA cell_size_check") == [(1,)]
        with pytest.raises(LedgerError, match="too many attached"):
            ledger._run("ATTACH ':memory:' AS other")
    assert {file.name: file.read_bytes() for file in run.iterdir() if file.is_file()} == before


def test_the_owner_of_a_lock_cannot_say_what_to_type(run):
    with Ledger(run) as ledger:
        for owner in (
            {"pid": "1; rm -rf ~", "host": "h", "since": "s"},
            ["a"],
            {"pid": 7, "host": "\x1b[2Jh", "since": "s"},
        ):
            (run / "owner.json").write_text(json.dumps(owner))
            words = ledger._lock._who()
            assert "rm -rf" not in words
            assert "\x1b" not in words


@pytest.fixture
def workers(tmp_path):
    """Where the records of this user's measuring processes lie."""
    return tmp_path / "tmp" / f"paredown-workers-{os.getuid()}"


def test_records_of_processes_lie_where_nobody_else_can_write(workers, tmp_path):
    leftovers.remember(os.getpid(), leftovers.new_token())
    assert workers.stat().st_mode & 0o777 == 0o700
    for mode in (0o777, 0o750, 0o711):
        workers.chmod(mode)
        with pytest.raises(TrustError, match=rf"can be entered by others \(mode {mode:o}, not 700\).*TMPDIR"):
            leftovers.end_leftovers()
    workers.rename(tmp_path / "moved")
    workers.symlink_to(tmp_path / "moved")
    with pytest.raises(TrustError, match="is a link"):
        leftovers.end_leftovers()
    workers.unlink()
    workers.write_text("")
    with pytest.raises(TrustError, match="is no directory"):
        leftovers.end_leftovers()


def test_a_directory_of_another_user_is_refused(workers, monkeypatch):
    leftovers.remember(os.getpid(), leftovers.new_token())
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    with pytest.raises(TrustError, match=rf"belongs to user {os.getuid()}, and you are user {os.getuid() + 1}"):
        leftovers.end_leftovers()


@pytest.mark.parametrize("pid", [-1, 0, 1, True, "2", 2.5, None])
def test_records_that_name_no_process_end_none(workers, monkeypatch, pid):
    record = leftovers.remember(os.getpid(), leftovers.new_token())
    told = json.loads(record.read_text())
    record.write_text(json.dumps({**told, "pid": pid, "parent_started": 1.0}))
    monkeypatch.setattr("os.killpg", lambda *_: pytest.fail("something was ended"))
    assert leftovers.end_leftovers() == 0
    assert not record.exists()


def test_a_record_that_is_a_link_is_not_read(workers, precious):
    leftovers.remember(os.getpid(), leftovers.new_token())
    (workers / "link.json").symlink_to(precious)
    assert leftovers.end_leftovers() == 0
    assert not (workers / "link.json").is_symlink()
    assert precious.read_text() == "mine"
