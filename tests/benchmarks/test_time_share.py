"""Where the time of a run went, read from ledgers of this version and of 0.1."""

import contextlib
import json
import sqlite3
import sys

import pytest
from benchmarks import time_share
from benchmarks.pages.time_share import section

_TABLES = """
CREATE TABLE settings (name TEXT, value TEXT); CREATE TABLE decisions (name TEXT, value TEXT);
CREATE TABLE measurements (name TEXT, value TEXT); CREATE TABLE trials (id TEXT, number INTEGER, role TEXT, label TEXT, recipe TEXT, state TEXT, result TEXT, seconds REAL);
"""


def result(macs, *trainings, trained=0.0):
    """As a ledger keeps it; trainings as (epochs, steps)."""
    steps = [
        {"history": {"tuple": [{"dict": {"epoch": epochs, "step": steps}}]}, "title": "Train()"}
        for epochs, steps in trainings
    ]
    quality = {"score": {"estimate": 90.0}, "drop": {"estimate": 1.0}}
    return {
        "macs": macs,
        "steps": {"tuple": steps},
        "trained": trained,
        "size": {"bytes": 2000},
        "quality": quality,
        "ms": 0.5,
    }


def write(directory, purposes=None):
    """A run of 100 seconds: the original, 8 bits, and a cut network that was trained for 30 seconds."""
    directory.mkdir()
    settings = {"seconds_used": 100.0, "settings": {"seconds": 120.0}}
    if purposes:
        settings["seconds_by_purpose"] = {"dict": purposes}
    decisions = {"pace": {"step": 0.3, "steps": 20}, "chosen": {"best": "b" * 64}}
    trials = [
        ("a" * 64, 0, "original", "original", result(1000), 2.0),
        ("b" * 64, 1, "trial", "prune 50%", result(500, (0.5, 10.0), (2.0, 40.0), trained=30.0), 35.0),
        ("c" * 64, 2, "arm", "int8", result(1000), 3.0),
    ]
    with contextlib.closing(sqlite3.connect(directory / "ledger.sqlite")) as database:
        database.executescript(_TABLES)
        for table, values in (("settings", settings), ("decisions", decisions)):
            rows = [(name, json.dumps(value)) for name, value in values.items()]
            database.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)  # noqa: S608 (names of this file)
        for key, number, role, label, found, seconds in trials:
            row = (key, number, role, label, "[]", "measured", json.dumps(found), seconds)
            database.execute("INSERT INTO trials VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        final = {
            "quality": {"drop": {"estimate": 1.5, "low": 1.2, "high": 1.8}},
            "latency": {"ratio": {"estimate": 0.5, "low": 0.4, "high": 0.6}},
        }
        database.execute("INSERT INTO measurements VALUES (?, ?)", (f"final/{'b' * 64}", json.dumps(final)))
        database.execute("INSERT INTO trials VALUES ('d', 3, 'trial', 'broken', '[]', 'failed', NULL, 9.0)")
        database.commit()
    return directory


def test_seconds_that_were_counted_are_told_as_they_are(tmp_path):
    share = time_share.time_share(write(tmp_path / "new", {"training": 60.0, "range tests": 5.0, "lowering": 10.0}))
    assert share["modelled"] == []
    assert share["seconds"] == {"training": 60.0, "range tests": 5.0, "lowering": 10.0, "other": 25.0}
    assert share["training"] == pytest.approx(0.6)
    assert share["inside_trainings"] == pytest.approx(0.65)
    assert (share["best"]["label"], share["longest"]) == ("prune 50%", 2.5)


def test_of_runs_that_did_not_count_range_tests_are_modelled(tmp_path):
    share = time_share.time_share(write(tmp_path / "old"))
    tests = 25 * 4 / 3 * 0.3 * 0.65  # of the cut network
    assert share["modelled"] == ["training", "range tests"]
    assert share["seconds"]["range tests"] == pytest.approx(tests, abs=0.01)
    assert share["seconds"]["training"] == pytest.approx(30.0 - tests, abs=0.01)
    assert share["seconds"]["trials beside training"] == pytest.approx(10.0)
    assert sum(share["seconds"].values()) == pytest.approx(100.0, abs=0.05)
    assert share["inside_trainings"] == pytest.approx(0.3)


def test_the_command_prints_and_writes(tmp_path, monkeypatch, capsys):
    runs = [write(tmp_path / "new", {"training": 60.0}), write(tmp_path / "old")]
    out = tmp_path / "share.json"
    monkeypatch.setattr(sys, "argv", ["time_share", *map(str, runs), "--out", str(out)])
    time_share.main()
    stored = json.loads(out.read_text(encoding="utf-8"))
    assert [share["run"] for share in stored["time_share"]] == ["new", "old"]
    printed = capsys.readouterr().out
    assert "new: 100 s of 120; 60 % inside of trainings, 60 % training steps;" in printed
    assert "old: 100 s of 120; 30 % inside of trainings, 24 % training steps (modelled);" in printed
    assert " *trial    prune 50%: 2.5 epochs in 30.0 s" in printed
    assert stored["time_share"][0]["trials"][0]["label"] == "original"


def test_runs_before_and_after_stand_side_by_side_on_the_page(tmp_path):
    counted = {"training": 60.0, "range tests": 5.0, "lowering": 10.0}
    before, after = (
        time_share.time_share(write(tmp_path / name, seconds)) for name, seconds in (("a", None), ("b", counted))
    )
    results = [
        {"time_share": [{**share, "run": "speech"}], "name": f"time-share-{name}", "processor": "p", "file": "f"}
        for name, share in (("before", before), ("after", after))
    ]
    page = section(results)
    drop = "1.50 (1.20 … 1.80)"
    assert (
        f"| speech, after | 100 s of 120 | 65 % | 60 % | 10 % | 2.5 epochs | prune 50% (2.5 epochs) | 2.00 × (1.67 … 2.50) | {drop} |"
        in page
    )
    assert "| speech, before | 100 s of 120 | 30 % | ≈ 24 % | – |" in page
