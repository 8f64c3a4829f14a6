"""What the tests of certificates claim: of a linear classifier from three numbers to two classes."""

import numpy as np
import onnx
from measurements import energy_of, latency_of, memory_of
from onnx import TensorProto, helper, numpy_helper

from paredown import scores
from paredown.measure import quality
from paredown.targets import Artifact, OnnxRuntime
from paredown.verdict import Measured, certify, rows_of
from paredown.verdict import certificate as certificates

WEIGHT = np.array([[1.0, -1.0], [0.5, 2.0], [-1.0, 0.0]], dtype=np.float32)
INPUTS = [np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)]


def onnx_file(path, weight=WEIGHT):
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(weight, "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return Artifact(path, OnnxRuntime(), certificates.file_sha256(path))


def data_of(split, name, n):
    fingerprint = split.fingerprint() if name == "select" else split.fingerprint
    return certificates.Data(name, fingerprint, n, "accuracy", "%", True)


def full(artifact, original, task):
    select = task.data.work.select
    rows = rows_of(artifact, select, task)[""]
    measured = Measured(
        "small",
        latency_of(0.5, runtime=artifact.target.version()),
        quality(rows, rows.copy(), scores.accuracy),
        None,
        memory_of(50_000_000),
        energy_of(1.0, estimated=True),
    )
    return certify(
        artifact,
        measured,
        inputs=INPUTS,
        original=original,
        data=data_of(select, "select", len(select)),
        recipe=(OnnxRuntime(threads=2),),
        plans=({"technique": "prune.Channels", "reason": "because", "decisions": {"keep": [1, 2]}},),
    )
