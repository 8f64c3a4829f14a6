import json
import subprocess
import sys

import pytest

from paredown.codec import decode, encode
from paredown.errors import InputError, LoweringError
from paredown.targets import OnnxRuntime, Torch
from paredown.targets.target import Lowering, write_atomically


@pytest.mark.parametrize(
    "target", [OnnxRuntime(threads=2, batch=8), OnnxRuntime(weight_bits=7), Torch(compiled=True), Torch()]
)
def test_targets_are_settings_that_a_worker_process_can_rebuild(target):
    assert decode(json.loads(json.dumps(encode(target)))) == target


@pytest.mark.parametrize("setting", ["threads", "batch"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True])
def test_settings_are_whole_numbers_from_one(setting, value):
    with pytest.raises(
        InputError, match=rf"{setting}={value!r} was given; it is a whole number from 1 up. Type {setting}=1"
    ):
        OnnxRuntime(**{setting: value})


@pytest.mark.parametrize("value", [6, 9, 7.0, True, "7"])
def test_bits_of_weights_are_those_that_processors_differ_in(value):
    with pytest.raises(
        InputError,
        match=rf"weight_bits={value!r} was given; it is 7 for every processor, 8 where .* Type weight_bits=7\. Fewer .*weight_bits=4",
    ):
        OnnxRuntime(weight_bits=value)


def test_targets_say_their_settings_in_words():
    assert Torch().words == "PyTorch, 1 thread, batch 1"
    assert OnnxRuntime(threads=2, batch=8).words == "ONNX Runtime, 2 threads, batch 8"
    assert OnnxRuntime(weight_bits=7).words == "ONNX Runtime, 1 thread, batch 1, 8-bit weights within 7 bits"


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
