"""Memory, size, energy, the processor, the lock: real processes where it is quick."""

import json
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from pretend import Pretend, pretend_file

from paredown import measure
from paredown.errors import InputError, MeasureError
from paredown.measure.energy import _energy
from paredown.measure.meter import Meter


@pytest.fixture(autouse=True)
def own_temp(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_memory_is_what_the_file_adds(tmp_path):
    small = measure.memory(pretend_file(tmp_path / "s.pretend"), target=Pretend(), processes=1)
    large = measure.memory(pretend_file(tmp_path / "l.pretend", bytes=50_000_000), target=Pretend(batch=2), processes=1)
    assert 45e6 < large.over_empty_bytes - small.over_empty_bytes < 60e6
    assert small.over_empty_bytes < 10e6 < small.empty_bytes < small.peak_bytes + 1
    assert (large.batch, large.processes, large.spread_bytes) == (2, 1, 0)


def test_the_parents_memory_is_not_the_files(tmp_path):
    block = np.ones(150_000_000, dtype=np.uint8)
    found = measure.memory(pretend_file(tmp_path / "s.pretend"), target=Pretend(), processes=2)
    assert found.over_empty_bytes < 10e6
    assert found.peak_bytes < 120e6
    assert block.sum() == 150_000_000


def test_memory_needs_a_process(tmp_path):
    with pytest.raises(InputError, match=r"processes=0.*Type `processes=3`"):
        measure.memory(pretend_file(tmp_path / "s.pretend"), target=Pretend(), processes=0)


def test_size_is_counted(tmp_path):
    content = b"abc" * 1000
    (tmp_path / "f").write_bytes(content)
    found = measure.size(tmp_path / "f")
    assert found.bytes == 3000
    assert found.zlib_bytes == len(zlib.compress(content, 6))
    assert found.compressed_bytes <= min(found.zlib_bytes, found.lzma_bytes)
    (tmp_path / "d").mkdir()
    for name in "xy":
        (tmp_path / "d" / name).write_bytes(content)
    assert measure.size(tmp_path / "d").bytes == 6000
    with pytest.raises(InputError, match="no such file"):
        measure.size(tmp_path / "none")


def with_weights_beside(folder):
    """A network of 4 kB saved as ONNX saves it above 2 GB: the graph in one file, the weights in another."""
    weight = onnx.numpy_helper.from_array(np.ones((10, 100), np.float32), "w")
    ports = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, n]) for name, n in (("x", 10), ("y", 100))
    ]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])], "g", ports[:1], ports[1:], initializer=[weight]
    )
    path = folder / "m.onnx"
    onnx.save_model(
        onnx.helper.make_model(graph), path, save_as_external_data=True, location="m.onnx.data", size_threshold=0
    )
    return path


def test_weights_beside_an_onnx_file_count(tmp_path):
    """A size limit is held against what ships, not against the graph alone."""
    path = with_weights_beside(tmp_path)
    beside = tmp_path / "m.onnx.data"
    assert measure.files_of(path) == (path, beside)
    assert measure.size(path).bytes == path.stat().st_size + beside.stat().st_size >= 4000
    assert measure.size(path).compressed_bytes > len(zlib.compress(path.read_bytes()))
    beside.unlink()
    with pytest.raises(InputError, match=r"m.onnx reads m.onnx.data, which is not beside it.*into one directory"):
        measure.size(path)


def test_energy_is_measured_or_says_that_it_is_guessed(tmp_path):
    found = measure.energy(pretend_file(tmp_path / "f.pretend", ms=1.0), target=Pretend(), seconds=0.1, watts=10.0)
    assert found.runs >= 3
    assert found.cpu_s > 0.0002
    if found.estimated:
        assert found.mj == pytest.approx(1000 * 10.0 * found.cpu_s)
        assert found.method.startswith("estimate")
        assert "10 W assumed" in found.method


def test_energy_from_counters_leaves_the_idle_machine_out():
    told = {"runs": 100, "wall": 2.0, "cpu": 1.9, "joules": 30.0, "idle_joules": 10.0, "idle_wall": 1.0}
    found = _energy(told, 1, 4.0)
    assert not found.estimated
    assert found.mj == pytest.approx(100.0)  # 30 J less 2 s of 10 W, over 100 runs
    assert found.watts == pytest.approx(5.0)


def test_counters_are_found_and_wrap_around(tmp_path):
    for zone, energy in {"intel-rapl:0": "900", "intel-rapl:0:0": "5", "intel-rapl:1": "x"}.items():
        (tmp_path / zone).mkdir()
        (tmp_path / zone / "energy_uj").write_text(energy)
        (tmp_path / zone / "max_energy_range_uj").write_text("1000")
    meter = Meter.find(tmp_path)
    assert [path.parent.name for path, _ in meter.counters] == ["intel-rapl:0"]
    before = meter.read()
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("100")
    assert meter.difference(before, meter.read()) == pytest.approx(200e-6)
    assert Meter.find(tmp_path / "none").read() == ()


def test_the_processor_is_named(tmp_path):
    (tmp_path / "cpuinfo").write_text("model name\t: Fast 1\nflags\t\t: fpu avx2 avx512_vnni\n\nmodel name\t: other\n")
    found = measure.processor(tmp_path / "cpuinfo")
    assert (found.model, found.features) == ("Fast 1", ("avx2", "avx512_vnni"))
    assert found.cores >= 1
    assert "Fast 1" in str(found)
    assert measure.processor(tmp_path / "none").cores == found.cores


def test_versions_leave_out_what_is_missing():
    found = measure.versions("numpy", "no-such-distribution")
    assert found["numpy"] == np.__version__
    assert set(found) == {"python", "paredown", "numpy"}


HOLD = """
import sys, tempfile, time
tempfile.tempdir = sys.argv[1]
from paredown.measure import exclusive
with exclusive():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_measurement_at_a_time(tmp_path):
    with measure.exclusive(), measure.exclusive():  # nests
        pass
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(MeasureError, match=r"Waited 0.1 s for another measurement"), measure.exclusive(timeout=0.1):
            pass
        other.kill()
    with measure.exclusive(timeout=5):  # a killed holder holds nothing
        pass


def test_a_lock_that_cannot_be_taken(tmp_path):
    (tmp_path / "paredown-measure.lock").mkdir()
    with pytest.raises(MeasureError, match=r"paredown-measure.lock cannot be taken.*TMPDIR"), measure.exclusive():
        pass


class Split:
    """Five examples of two numbers, in batches of what is asked for."""

    def __init__(self, inputs):
        self.inputs = inputs

    def __len__(self):
        return 5

    def batches(self, size):
        for start in range(0, 5, size):
            yield self._cut(start, start + size), None

    def _cut(self, start, end):
        if isinstance(self.inputs, dict):
            return {key: value[start:end] for key, value in self.inputs.items()}
        return self.inputs[start:end]


DATA = torch.arange(10.0).reshape(5, 2)


@pytest.mark.parametrize("shape", [[None, 2], [3, 2]])
def test_predictions_of_a_fresh_process(tmp_path, shape):
    file = pretend_file(tmp_path / "f.pretend", inputs=[["x", "float32", shape]])
    (outputs,) = measure.predict(file, Split(DATA), target=Pretend(), chunk=4, batch=2)
    assert np.array_equal(outputs, 2 * DATA.numpy())


def test_inputs_go_by_name_where_they_have_one(tmp_path):
    file = pretend_file(tmp_path / "f.pretend", inputs=[["b", "float32", [None, 2]], ["a", "float32", [None, 2]]])
    (outputs,) = measure.predict(file, Split({"a": DATA, "b": DATA + 1}), target=Pretend())
    assert np.array_equal(outputs, 2 * (DATA.numpy() + 1))


def test_predictions_that_cannot_be(tmp_path):
    file = pretend_file(tmp_path / "f.pretend")
    with pytest.raises(InputError, match="'x' was given with the shape"):
        measure.predict(file, Split(torch.zeros(5, 3)), target=Pretend())
    empty = Split(DATA)
    empty.__class__ = type("Empty", (Split,), {"__len__": lambda self: 0})
    with pytest.raises(InputError, match="split without examples"):
        measure.predict(file, empty, target=Pretend())


def test_measuring_imports_neither_torch_nor_a_runtime():
    code = "import sys, json, paredown.measure, paredown.verdict; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(json.loads(done.stdout)) & {"torch", "onnxruntime", "scipy", "sklearn", "optuna"}
    assert Path(measure.__file__).parent.name == "measure"
