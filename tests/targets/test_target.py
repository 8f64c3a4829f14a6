import json
import subprocess
import sys

import pytest

from paredown.codec import decode, encode
from paredown.errors import InputError, LoweringError
from paredown.targets import OnnxRuntime, Torch
from paredown.targets.target import Lowering, write_atomically


@pytest.mark.parametrize("target", [OnnxRuntime(threads=2, batch=8), Torch(compiled=True), Torch()])
def test_targets_are_settings_that_a_worker_process_can_rebuild(target):
    assert decode(json.loads(json.dumps(encode(target)))) == target


@pytest.mark.parametrize("setting", ["threads", "batch"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True])
def test_settings_are_whole_numbers_from_one(setting, value):
    with pytest.raises(
        InputError, match=rf"{setting}={value!r} was given; it is a whole number from 1 up. Type {setting}=1"
    ):
        OnnxRuntime(**{setting: value})


def test_importing_targets_imports_no_torch():
    code = "import sys, paredown.targets; print([m for m in ('torch', 'onnx', 'onnxruntime') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_failed_writer_leaves_nothing_and_keeps_the_old_file(tmp_path):
    final = tmp_path / "network.onnx"
    final.write_bytes(b"old")

    def fail(partial):
        partial.write_bytes(b"half")
        message = "no words"
        raise LoweringError(message)

    with pytest.raises(LoweringError, match="no words"):
        write_atomically(final, fail, OnnxRuntime())
    assert [path.name for path in tmp_path.iterdir()] == ["network.onnx"]
    assert final.read_bytes() == b"old"


def test_an_unwritable_place_is_named(tmp_path):
    place = tmp_path / "missing" / "network.onnx"
    with pytest.raises(LoweringError, match=r"missing/network.onnx cannot be written: .* Give a path in a directory"):
        write_atomically(place, lambda partial: partial.write_bytes(b"") and Lowering(), OnnxRuntime())


def test_an_artifact_knows_hash_and_size(network, tmp_path):
    artifact = OnnxRuntime().lower(network, tmp_path / "network.onnx")
    assert artifact.size_bytes == (tmp_path / "network.onnx").stat().st_size
    assert len(artifact.sha256) == 64
    assert artifact.target == OnnxRuntime()
    assert [path.name for path in tmp_path.iterdir()] == ["network.onnx"]
