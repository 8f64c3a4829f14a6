"""Weights beside a file belong to it, wherever in the graph they are named."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from paredown.errors import LoweringError
from paredown.targets import Artifact, OnnxRuntime
from paredown.targets.onnx.external import external_files


def outside(name, place):
    """A tensor of 1,000 float32 that lies in another file."""
    tensor = numpy_helper.from_array(np.zeros(1000, np.float32), name)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)
    return tensor


def model_of(path, initializers, nodes=()):
    graph = helper.make_graph(list(nodes), "g", [], [], initializer=initializers)
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


def test_files_of_a_model_are_all_that_it_reads(tmp_path):
    """In initializers, constants and subgraphs; each file once."""
    inner = helper.make_graph([], "inner", [], [], initializer=[outside("c", "below/c.bin")])
    nodes = [
        helper.make_node("Constant", [], ["k"], value=outside("k", "k.bin")),
        helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner),
    ]
    path = model_of(tmp_path / "m.onnx", [outside("a", "a.bin"), outside("b", "a.bin")], nodes)
    assert external_files(path) == (tmp_path / "a.bin", tmp_path / "below" / "c.bin", tmp_path / "k.bin")
    assert OnnxRuntime().files(path) == (path, *external_files(path))


def test_size_of_an_artifact_counts_the_weights_beside_it(tmp_path):
    path = model_of(tmp_path / "m.onnx", [outside("a", "a.bin")])
    (tmp_path / "a.bin").write_bytes(bytes(4000))
    artifact = Artifact(path, OnnxRuntime(), "")
    assert artifact.size_bytes == path.stat().st_size + 4000


@pytest.mark.parametrize("place", ["", "../a.bin", "/etc/hostname", "below/../../a.bin", "C:\\a.bin"])
def test_weights_outside_of_the_directory_are_refused(tmp_path, place):
    path = model_of(tmp_path / "m.onnx", [outside("a", place)])
    with pytest.raises(
        LoweringError, match=r"m.onnx reads weights from '.*'; external data lies beside .* Save it with"
    ):
        external_files(path)


def test_what_is_no_onnx_is_named(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"\xff\xff no protobuf")
    with pytest.raises(LoweringError, match=r"m.onnx cannot be read as ONNX .* Give the path of a lowered file"):
        external_files(tmp_path / "m.onnx")
