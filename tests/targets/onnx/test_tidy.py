import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from paredown.targets.onnx.tidy import tidy


def value(name, shape=(), kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def body(name):
    """Adds to the sum what the graph around it calls `name`, and a constant of that graph."""
    return helper.make_graph(
        [
            helper.make_node("Add", ["total", name], ["more"]),
            helper.make_node("Add", ["more", "one"], ["sum"]),
            helper.make_node("Identity", ["go"], ["on"]),
        ],
        "body",
        [value("step", (), TensorProto.INT64), value("go", (), TensorProto.BOOL), value("total")],
        [value("on", (), TensorProto.BOOL), value("sum")],
    )


def looped():
    nodes = [
        helper.make_node("Mul", ["x", "x"], ["squared"]),
        helper.make_node("Identity", ["squared"], ["same"]),
        helper.make_node("Neg", ["x"], ["unread"]),
        helper.make_node("Loop", ["three", "", "x"], ["y"], body=body("same")),
    ]
    constants = {"three": np.int64(3), "one": np.float32(1), "nobody": np.float32(2)}
    stored = [numpy_helper.from_array(np.asarray(number), name) for name, number in constants.items()]
    graph = helper.make_graph(nodes, "looped", [value("x")], [value("y")], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def branched():
    def side(name, of):
        return helper.make_graph([helper.make_node("Neg", [of], [f"{name}_y"])], name, [], [value(f"{name}_y")])

    nodes = [
        helper.make_node("Identity", ["x"], ["same"]),
        helper.make_node("Add", ["x", "one"], ["more"]),
        helper.make_node("Cast", ["x"], ["positive"], to=TensorProto.BOOL),
        helper.make_node("If", ["positive"], ["y"], then_branch=side("a", "same"), else_branch=side("b", "more")),
    ]
    stored = [numpy_helper.from_array(np.float32(1), "one")]
    graph = helper.make_graph(nodes, "branched", [value("x")], [value("y")], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def answer(model, x):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.array(x, np.float32)})[0]


@pytest.mark.parametrize("make", [looped, branched])
@pytest.mark.parametrize("x", [0.0, 1.5])
def test_what_only_a_body_reads_is_kept_and_followed(make, x):
    model = make()
    before = answer(model, x)
    tidy(model)
    onnx.checker.check_model(model)
    assert answer(model, x) == before
    assert "Identity" not in [node.op_type for node in model.graph.node]


def test_what_nobody_reads_goes():
    model = looped()
    tidy(model)
    assert [node.op_type for node in model.graph.node] == ["Mul", "Loop"]
    assert {tensor.name for tensor in model.graph.initializer} == {"three", "one"}
