import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from paredown.targets.onnx.int8 import store_int8


def model(node, *more):
    """A value that is rounded and then moved by a node."""
    grid = [
        numpy_helper.from_array(np.float32(0.1), "scale"),
        numpy_helper.from_array(np.uint8(7), "zero"),
        *(numpy_helper.from_array(array, name) for name, array in more),
    ]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["stored"]),
        helper.make_node("DequantizeLinear", ["stored", "scale", "zero"], ["rounded"]),
        node,
    ]
    outputs = [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in node.output]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 4, 4])]
    return helper.make_model(helper.make_graph(nodes, "moved", inputs, outputs, grid))


PADS = ("pads", np.array([0, 0, 1, 1, 0, 0, 1, 1]))
AXES = ("axes", np.array([0, 1, 2, 3]))


@pytest.mark.parametrize(
    ("inputs", "more"),
    [
        (["pads"], []),
        (["pads", ""], []),
        (["pads", "value"], [("value", np.float32(0))]),
        (["pads", "", "axes"], [AXES]),
    ],
    ids=["without a value", "an empty value", "zero", "with axes"],
)
def test_a_pad_with_zeros_adds_the_stored_zero(inputs, more):
    moved = model(helper.make_node("Pad", ["rounded", *inputs], ["y"]), PADS, *more)
    store_int8(moved)
    pad = next(node for node in moved.graph.node if node.op_type == "Pad")
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in moved.graph.initializer}
    assert pad.input[0] == "stored"
    assert stored[pad.input[2]] == 7
    assert list(pad.input[3:]) == inputs[2:]


def test_a_pad_that_repeats_moves_stored_values():
    moved = model(helper.make_node("Pad", ["rounded", "pads"], ["y"], mode="edge"), PADS)
    store_int8(moved)
    pad = next(node for node in moved.graph.node if node.op_type == "Pad")
    assert list(pad.input) == ["stored", "pads"]


@pytest.mark.parametrize("value", ["one", "computed"])
def test_a_pad_with_something_else_stays_in_float(value):
    moved = model(helper.make_node("Pad", ["rounded", "pads", value], ["y"]), PADS, ("one", np.float32(1)))
    moved.graph.node.insert(2, helper.make_node("ReduceMax", ["x"], ["computed"], keepdims=0))
    store_int8(moved)
    assert next(node for node in moved.graph.node if node.op_type == "Pad").input[0] == "rounded"


def test_the_places_of_a_pool_stay_whole_numbers():
    moved = model(helper.make_node("MaxPool", ["rounded"], ["y", "places"], kernel_shape=[2, 2]))
    store_int8(moved)
    pool = next(node for node in moved.graph.node if node.op_type == "MaxPool")
    assert list(pool.output) == ["y.stored", "places"]
    assert [node.output[0] for node in moved.graph.node if node.op_type == "DequantizeLinear"] == ["rounded", "y"]
