"""Latency: the stopping rule and the intervals on simulated processes, and the whole way once in real ones."""

import math
import random
import sys

import numpy as np
import pytest
from pretend import Pretend, pretend_file

from paredown.errors import InputError, MeasureError
from paredown.measure import rounds
from paredown.measure.latency import latency
from paredown.measure.process import feed_file
from paredown.measure.rounds import ProcessRun, Settings, round_of
from paredown.measure.subject import Subject


@pytest.fixture(autouse=True)
def own_temp(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture
def files(tmp_path):
    return {name: pretend_file(tmp_path / f"{name}.pretend") for name in ("original", "a", "b")}


def run_of(times, *, noisy=False):
    times = np.asarray(times, dtype=float)
    blocks = tuple(times[start : start + 5] for start in range(0, len(times), 5))
    p50, p95, p99 = (float(value) for value in np.quantile(times, [0.5, 0.95, 0.99]))
    return ProcessRun(blocks, p50, p95, p99, 3.0, 2.0, 1, "pretend 1.0", 4, 44, noisy, 0.1)


class Machine:
    """Processes differ by 3 % from one another, a neighbour slows whole rounds, samples differ by 1 %."""

    def __init__(self, monkeypatch, ratios, seed=0, between=0.03, drift=0.1):
        self.ratios = ratios
        self.generator = np.random.default_rng(seed)
        self.between, self.drift = between, drift
        self.rounds = 0
        monkeypatch.setattr(sys.modules["paredown.measure.latency"], "round_of", self.round_of)

    def round_of(self, subjects, settings, generator):
        self.rounds += 1
        slow = np.exp(self.generator.normal(0, self.drift, 8)).repeat(5)
        found = {}
        for subject in subjects:
            own = math.exp(self.generator.normal(0, self.between))
            found[subject.label] = run_of(
                self.ratios.get(subject.label, 1.0) * own * slow * np.exp(self.generator.normal(0, 0.01, 40))
            )
        return found


def test_the_difference_is_found_whatever_the_machine_does(monkeypatch, files):
    machine = Machine(monkeypatch, {"a": 0.5, "b": 1.0})
    found = latency(files, target=Pretend())
    assert list(found) == ["original", "a", "b"]
    assert found["a"].ratio.low < 0.5 < found["a"].ratio.high < 0.6
    assert found["a"].answered
    assert found["a"].pairs == 5  # half the time needs no more
    assert found["b"].pairs > 5
    assert found["original"].pairs == machine.rounds == found["b"].pairs
    assert found["original"].ratio is None
    assert found["original"].next_run is None
    assert len(found["a"].log_ratios) == len(found["a"].samples) == 5


def test_what_is_reported(monkeypatch, files):
    Machine(monkeypatch, {"a": 0.8})
    one = latency(files, target=Pretend(threads=2))["a"]
    assert one.p50.low < one.p50.estimate < one.p50.high
    assert one.p50.estimate < one.p95.estimate < one.p99.estimate
    assert one.next_run.kind == one.next_p50.kind == "prediction"
    assert one.next_run.low < one.ratio.low
    assert one.ratio.low < one.ratio_bounds.low
    assert one.throughput == pytest.approx(1000 / one.p50.estimate)
    assert (one.load_ms, one.first_ms, one.batch, one.threads) == (3.0, 2.0, 1, 2)
    assert (one.dropped, one.taken, one.noisy) == (4 * one.pairs, 44 * one.pairs, False)
    assert one.runtime == "pretend 1.0"
    assert "cores" in one.processor


def test_a_against_a_is_not_called_different(monkeypatch, files):
    """200 comparisons of a file with itself: intervals miss 1 in at most 5 %, and none is beyond the margin."""
    pair = {"original": files["original"], "a": files["a"]}
    missed = different = 0
    for seed in range(200):
        Machine(monkeypatch, {}, seed)
        ratio = latency(pair, target=Pretend())["a"].ratio
        missed += not ratio.low <= 1.0 <= ratio.high
        different += ratio.low > 1.03 or ratio.high < 1 / 1.03
    assert missed <= 0.08 * 200
    assert different <= 3


def test_a_planted_difference_is_found(monkeypatch, files):
    pair = {"original": files["original"], "a": files["a"]}
    found = 0
    for seed in range(60):
        Machine(monkeypatch, {"a": 0.90}, seed)
        found += latency(pair, target=Pretend())["a"].ratio.high < 1 / 1.03
    assert found >= 50


def test_a_bound_is_asked_for_as_well(monkeypatch, files):
    pair = {"original": files["original"], "a": files["a"]}
    Machine(monkeypatch, {"a": 0.5})
    assert latency(pair, target=Pretend(), bound=0.5)["a"].pairs > 5
    assert latency(pair, target=Pretend(), bound=0.9)["a"].pairs == 5


def test_time_is_up(monkeypatch, files):
    pair = {"original": files["original"], "a": files["a"]}
    machine = Machine(monkeypatch, {"a": 0.99}, between=0.2)
    found = latency(pair, target=Pretend(), time_limit=0.0)["a"]
    assert machine.rounds == found.pairs == 2  # fewer have no interval
    assert not found.answered


def test_a_file_alone_is_measured_until_it_is_known(monkeypatch, files):
    Machine(monkeypatch, {}, between=0.001, drift=0.0)
    (found,) = latency({"x": files["a"]}, target=Pretend()).values()
    assert found.pairs == 5
    assert found.ratio is None
    assert found.answered


def test_many_files_are_measured_in_groups(monkeypatch, files):
    machine = Machine(monkeypatch, {str(index): 0.5 for index in range(8)})
    found = latency(
        {"original": files["original"], **{str(index): files["a"] for index in range(8)}},
        target=Pretend(),
        pairs=(2, 2),
    )
    assert found["original"].pairs == machine.rounds == 4
    assert all(found[str(index)].pairs == 2 for index in range(8))
    assert len({one.session for one in found.values()}) == 1
    assert [found[str(index)].group for index in (0, 5, 6, 7)] == [0, 0, 1, 1]
    assert found["original"].group == -1


def test_progress_is_told(monkeypatch, files):
    Machine(monkeypatch, {"a": 0.5, "b": 2.0})
    told = []
    latency(files, target=Pretend(), progress=lambda *words: told.append(words))
    assert told[0] == ("latency of a, b", 1, 16)
    assert len(told) == 5


def test_blocks_of_the_same_turn_are_compared():
    slow = np.repeat([1.0, 1.0, 10.0, 1.0], 5)
    assert run_of(2 * slow).log_ratio(run_of(slow)) == pytest.approx(math.log(2))
    few = ProcessRun((np.array([]),) * 8, 3.0, 3.0, 3.0, 1.0, 1.0, 1, "v", 0, 1, True, 0.1)
    assert few.log_ratio(few) == 0.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"baseline": "c"}, r"baseline='c' is none of the files given: original, a, b"),
        ({"pairs": (1, 5)}, r"pairs=\(1, 5\).*Type `pairs=\(5, 16\)`"),
        ({"pairs": (6, 5)}, r"pairs=\(6, 5\)"),
        ({"margin": 3.0}, r"margin=3.0.*Type `margin=0.03`"),
        ({"bound": -1.0}, r"bound=-1.0.*Type `bound=0.5`"),
    ],
)
def test_settings_out_of_range(files, change, words):
    with pytest.raises(InputError, match=words):
        latency(files, target=Pretend(), **change)


def test_files_that_are_not_there(tmp_path, files):
    with pytest.raises(InputError, match="No files were given"):
        latency({})
    with pytest.raises(InputError, match=r"none.onnx' was to be measured but there is no such file"):
        latency({"a": tmp_path / "none.onnx"})
    with pytest.raises(InputError, match=r"No target is known for 'a.pretend' \(files end with .onnx.*target="):
        latency({"a": files["a"]})


def test_real_processes(tmp_path):
    paths = {
        "original": pretend_file(tmp_path / "o.pretend", ms=4.0),
        "fast": pretend_file(tmp_path / "f.pretend", ms=1.0),
    }
    found = latency(paths, target=Pretend(batch=3), pairs=(2, 2), seed=1)
    assert found["original"].p50.estimate >= 4.0
    assert found["fast"].p50.estimate >= 1.0
    assert found["fast"].ratio.estimate < 0.7
    assert found["fast"].batch == 3


def test_a_noisy_machine_still_gives_numbers_and_says_so(tmp_path, monkeypatch):
    """Every sample waited: the least disturbed quarter has to do."""
    turns = [{"times": [1e6, 2e6, 3e6, 4e6], "shares": [0.1, 0.2, 0.3, 0.4]}] * 8

    class Noisy:
        def __init__(self, subject, **_):
            self.subject, self.prepared, self.start_s = subject, {"version": "v"}, 0.1

        def ask(self, request):
            return {
                "open": {"load_ms": 1.0},
                "first": {"first_ms": 1.0, "batch": 1},
                "warm": {},
                "time": turns[0],
            }[request["do"]]

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(rounds, "Worker", Noisy)
    subject = Subject.of(pretend_file(tmp_path / "x.pretend"), Pretend())
    found = round_of([subject], Settings(), random.Random(0))["x.pretend"]  # noqa: S311
    assert found.noisy
    assert found.dropped == found.taken == 32
    assert found.p50 == 1.0


def test_a_crash_of_one_ends_the_others(tmp_path):
    paths = {
        "original": pretend_file(tmp_path / "o.pretend"),
        "bad": pretend_file(tmp_path / "bad.pretend", run="crash"),
    }
    with pytest.raises(MeasureError, match=r"'bad' \(bad.pretend\) was ended by SIGSEGV"):
        latency(paths, target=Pretend(), pairs=(2, 2))


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ("a.onnx", r"latency was given a str; it compares files by name. Type latency\(\{'a': 'a.onnx'\}\)"),
        (["a.onnx", "b.onnx"], r"latency was given a list; .* Type latency\(\{'a': 'a.onnx', 'b': 'b.onnx'\}\)"),
    ],
)
def test_files_have_names(files, words):
    with pytest.raises(InputError, match=words):
        latency(files)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (
            np.zeros((1, 3)),
            r"inputs is a ndarray; it holds one array for each input of the file. Type inputs=\[array\]",
        ),
        (iter([]), r"inputs is a list_iterator; .* Type inputs=\[batch.numpy\(\)\], the inputs of one batch"),
        ([object()], r"inputs holds a object; .* Type inputs=\[array\]"),
    ],
)
def test_inputs_are_one_array_for_each_input_of_the_file(inputs, words, tmp_path):
    with pytest.raises(InputError, match=words):
        feed_file(tmp_path, inputs)
    assert list(tmp_path.iterdir()) == []
