"""Disturbed samples are recognised and left out; deterministic: the clock and the run queue are made up."""

import os
import subprocess
import sys
import threading
import time
from itertools import count

import pytest

from paredown.measure import sampling
from paredown.measure.guard import requests
from paredown.measure.waits import Waits


class Clock:
    """Every run takes 1 ms of this clock; some runs wait for the processor as well.

    The run queue is read before and after so many nanoseconds of runs: by default of every single one.
    """

    def __init__(self, monkeypatch, disturbed, chunk_ns=500_000):
        self.now = 0
        self.waited = 0
        self.runs = count()
        self.disturbed = disturbed
        self.readings = []
        monkeypatch.setattr(sampling, "_CHUNK_NS", chunk_ns)
        monkeypatch.setattr(sampling.time, "perf_counter_ns", lambda: self.now)
        monkeypatch.setattr(sampling.time, "perf_counter", lambda: self.now / 1e9)

    def run(self):
        wait = 5_000_000 if self.disturbed(next(self.runs)) else 0
        self.now += 1_000_000 + wait
        self.waited += wait

    def rescan(self):
        pass

    def read(self):
        self.readings.append(self.now)
        return self.waited

    def share(self, before, after, wall):
        return (after - before) / wall


def test_disturbed_samples_carry_their_share(monkeypatch):
    clock = Clock(monkeypatch, lambda run: run % 3 == 0)
    told = sampling.sample(clock.run, clock, run_ns=1e6, seconds=0.01, least=10, limit=1.0)
    kept = [ns for ns, share in zip(told["times"], told["shares"], strict=True) if share <= sampling.DISTURBED]
    dropped = [ns for ns, share in zip(told["times"], told["shares"], strict=True) if share > sampling.DISTURBED]
    assert kept == [1_000_000] * 10
    assert set(dropped) == {6_000_000}
    assert len(dropped) in {4, 5}


def test_it_gives_up_when_its_time_is_up(monkeypatch):
    clock = Clock(monkeypatch, lambda run: True)
    told = sampling.sample(clock.run, clock, run_ns=1e6, seconds=0.01, least=10, limit=0.06)
    assert len(told["times"]) == 10
    assert min(told["shares"]) > sampling.DISTURBED


def test_short_runs_share_a_reading(monkeypatch):
    clock = Clock(monkeypatch, lambda run: False)
    told = sampling.sample(clock.run, clock, run_ns=1e5, seconds=0.0, least=1, limit=1.0)
    assert len(told["times"]) == 5


def test_runs_of_a_small_network_follow_one_another_for_milliseconds(monkeypatch):
    clock = Clock(monkeypatch, lambda run: False, sampling._CHUNK_NS)
    sampling.sample(clock.run, clock, run_ns=1e6, seconds=0.02, least=1, limit=1.0)
    starts, ends = clock.readings[::2], clock.readings[1::2]
    assert len(starts) > 1
    assert min(end - start for start, end in zip(starts, ends, strict=True)) >= 2e6  # looking cools the caches


def test_runs_that_share_a_reading_are_dropped_together(monkeypatch):
    clock = Clock(monkeypatch, lambda run: run == 6, 4_000_000)
    told = sampling.sample(clock.run, clock, run_ns=1e6, seconds=0.01, least=10, limit=1.0)
    dropped = [share > sampling.DISTURBED for share in told["shares"]]
    assert dropped == [True] * 4 + [False] * 12  # five runs went before the first reading
    assert max(told["times"]) == 6_000_000


def test_warming_up_ends_when_two_windows_agree(monkeypatch):
    clock = Clock(monkeypatch, lambda run: False)
    runs = count(1)

    def run():
        clock.now += 1_000_000 + 200_000_000 // next(runs) ** 2  # slow at first, as caches fill

    told = sampling.warm(run, limit=100.0, least=0.1)
    assert told["steady"]
    assert told["run_ns"] < 1_200_000


def test_warming_up_has_an_end(monkeypatch):
    clock = Clock(monkeypatch, lambda run: False)
    growing = count(1)

    def run():
        clock.now += 1_000_000 * next(growing)

    assert not sampling.warm(run, limit=1.0, least=0.1)["steady"]


def test_the_run_queue_is_read_from_the_kernel(tmp_path):
    for task, line in {"1": b"100 50 3\n", "2": b"7 8 9\n"}.items():
        (tmp_path / task).mkdir()
        (tmp_path / task / "schedstat").write_bytes(line)
    waits = Waits(tmp_path)
    assert waits.exact
    before = waits.read()
    assert before == 58
    (tmp_path / "1" / "schedstat").write_bytes(b"200 90 4\n")
    assert waits.share(before, waits.read(), 1000) == pytest.approx(0.04)
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "schedstat").write_bytes(b"1 1000 1\n")
    waits.rescan()
    assert waits.read() == 1098
    (tmp_path / "3" / "schedstat").unlink()
    (tmp_path / "3").rmdir()
    waits.rescan()
    assert waits.read() == 98
    waits.close()


def test_without_the_kernels_word_a_forced_switch_counts(tmp_path):
    waits = Waits(tmp_path / "none")
    assert not waits.exact
    assert waits.share(3, 3, 1000) == 0.0
    assert waits.share(3, 4, 1000) == 1.0
    assert waits.read() >= 0


def test_this_process_is_seen(tmp_path):
    waits = Waits()
    assert waits.read() >= 0
    waits.close()


def test_memory_that_is_used_is_seen():
    program = (
        "from paredown.measure import resident; resident.reset_peak(); before = resident.resident();"
        "block = bytearray(b'x') * 40_000_000; print(resident.peak() - before)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(told.stdout) > 30_000_000


def test_a_closed_pipe_ends_the_process():
    left = threading.Event()
    read, write = os.pipe()
    with os.fdopen(read, "rb") as stream:
        lines = requests(stream, lambda code: left.set())
        os.write(write, b"one\ntwo\n")
        assert lines.get(timeout=5) == b"one\n"
        assert not left.is_set()
        os.close(write)
        assert left.wait(timeout=5)
        assert lines.get(timeout=5) == b"two\n"
    time.sleep(0)
