import numpy as np
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

import paredown
from paredown.graph.cost import costs, total
from paredown.graph.dynamic import dynamic_quantize, is_dynamic, round_dynamically
from paredown.graph.network import Network


def in_onnx_runtime(x):
    """DynamicQuantizeLinear and DequantizeLinear, computed by ONNX Runtime."""
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"]),
    ]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, x.shape) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "pair", ports[:1], ports[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (3.0, 0.5), (-2.0, 0.1), (0.0, 0.0), (5.0, 0.0)])
def test_numbers_are_those_of_onnx(shift, scale):
    x = (np.random.default_rng(0).normal(0, 1, (4, 5)) * scale + shift).astype(np.float32)
    ours = dynamic_quantize(torch.from_numpy(x), 0, 255).numpy()
    np.testing.assert_allclose(ours, in_onnx_runtime(x), rtol=1e-6, atol=1e-7)


def test_the_operator_is_well_formed_and_gradients_pass():
    x = torch.randn(3, 4, requires_grad=True)
    torch.library.opcheck(torch.ops.paredown.dynamic_quantize.default, (x, 0, 255))
    weight = torch.randn(3, 4)
    (dynamic_quantize(x, 0, 255) * weight).sum().backward()
    assert torch.equal(x.grad, weight)


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = paredown.capture(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2)), torch.randn(2, 6))
    for layer in [node for node in network.nodes() if "linear" in str(node.target)]:
        round_dynamically(network, layer.args[0], [layer])
    return network.recompile()


def test_a_rounded_network_is_stored_and_loads_with_torch_alone(network, tmp_path):
    x = torch.randn(5, 6)
    network.save(tmp_path / "network.pt2")
    assert torch.equal(Network.load(tmp_path / "network.pt2")(x), network(x))
    program = torch.export.load(tmp_path / "network.pt2")
    assert not any("paredown" in str(node.target) for node in program.graph.nodes)
    torch.testing.assert_close(program.module()(x)[0], network(x))
    torch.testing.assert_close(program.module()(torch.zeros(5, 6))[0], network(torch.zeros(5, 6)))


def test_it_costs_nothing_by_itself(network):
    assert sum(map(is_dynamic, network.nodes())) == 2
    assert {cost.operator for cost in costs(network)} == {"aten.linear.default", "aten.relu.default"}
    assert total(network).macs == 6 * 8 + 8 * 2 + 8


def test_channels_can_still_be_cut(network):
    axes = paredown.graph.analyse(network)
    assert [group.size for group in axes.free] == [8]
