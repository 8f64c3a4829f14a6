"""What is given for a runtime or a network and is none is answered with what to type."""

import pytest
from torch import nn

from paredown import measure, targets
from paredown.errors import InputError
from paredown.targets.given import checked


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("onnxruntime", r"target='onnxruntime' is a string.* Type target=paredown.targets.OnnxRuntime\(\)\."),
        ("ONNX Runtime", r"Type target=paredown.targets.OnnxRuntime\(\)\."),
        ("torch", r"Type target=paredown.targets.Torch\(\)\."),
        ("npu", r"Type target=paredown.targets.OnnxRuntime\(\) or target=paredown.targets.Torch\(\)"),
        (
            targets.Torch,
            r"target=Torch is the class, not a runtime with its settings. Type target=paredown.targets.Torch",
        ),
        (nn.Linear, r"target=Linear is the class.* Type target=paredown.targets.OnnxRuntime\(\) or "),
        (4, r"target=4 is a int, not a runtime with its settings. Type target=paredown.targets.OnnxRuntime\(\)"),
    ],
)
def test_what_is_no_target(given, words):
    with pytest.raises(InputError, match=words):
        checked(given)


def test_a_target_is_itself():
    target = targets.OnnxRuntime(threads=2)
    assert checked(target) is target


@pytest.mark.parametrize("target", [targets.OnnxRuntime(), targets.Torch()], ids=["onnx", "torch"])
def test_a_model_is_captured_before_it_is_lowered(target, tmp_path):
    with pytest.raises(
        InputError, match=r"lower was given a Linear.* Type lower\(paredown.capture\(model, example\), path"
    ):
        target.lower(nn.Linear(2, 2), tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_measuring_takes_targets_too(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"")
    with pytest.raises(InputError, match=r"Type target=paredown.targets.OnnxRuntime\(\)"):
        measure.latency({"a": tmp_path / "a.onnx"}, target="onnxruntime")
    with pytest.raises(InputError, match=r"target=OnnxRuntime is the class"):
        measure.memory(tmp_path / "a.onnx", target=targets.OnnxRuntime)
