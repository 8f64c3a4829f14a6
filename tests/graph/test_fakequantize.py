import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from torch import nn

import paredown
from paredown.errors import InputError
from paredown.graph.fakequantize import FakeQuantize, Grid, fake_quantize, fake_quantized, insert_after, round_biases
from paredown.graph.formats import INT8, UINT8
from paredown.graph.network import Network


def in_onnx_runtime(x, scale, zero_point, axis=None, block=0):
    """QuantizeLinear and DequantizeLinear, computed by ONNX Runtime."""
    settings_ = {} if axis is None else {"axis": axis}
    if block:
        settings_["block_size"] = block
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], **settings_),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"], **settings_),
    ]
    graph = helper.make_graph(
        nodes,
        "pair",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, x.shape)],
        [numpy_helper.from_array(scale, "s"), numpy_helper.from_array(zero_point, "z")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


@settings(max_examples=25, deadline=None)
@given(
    scale=st.floats(2**-10, 2.0, width=32),
    zero_point=st.integers(0, 255),
    values=st.lists(st.floats(-300, 300, width=32), min_size=1, max_size=20),
)
def test_per_tensor_numbers_are_those_of_onnx(scale, zero_point, values):
    halves = np.float32(scale) * (np.arange(-6, 6, dtype=np.float32) + np.float32(0.5))
    x = np.concatenate([np.array(values, np.float32), halves])
    ours = fake_quantize(torch.from_numpy(x), torch.tensor(scale), torch.tensor(float(zero_point)), -1, 0, 255)
    theirs = in_onnx_runtime(x, np.float32(scale), np.uint8(zero_point))
    np.testing.assert_array_equal(ours.numpy(), theirs)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_per_channel_numbers_are_those_of_onnx(axis):
    draw = np.random.default_rng(axis)
    x = draw.normal(0, 3, (4, 5, 6)).astype(np.float32)
    scale = draw.uniform(0.01, 0.1, x.shape[axis]).astype(np.float32)
    zero = np.zeros(x.shape[axis])
    ours = fake_quantize(torch.from_numpy(x), torch.from_numpy(scale), torch.from_numpy(zero), axis, -128, 127)
    np.testing.assert_array_equal(ours.numpy(), in_onnx_runtime(x, scale, zero.astype(np.int8), axis))


def test_blocked_numbers_are_those_of_onnx():
    draw = np.random.default_rng(0)
    x = draw.normal(0, 3, (3, 10)).astype(np.float32)
    scale = draw.uniform(0.01, 0.1, (3, 3)).astype(np.float32)
    zero = np.zeros((3, 3), np.int8)
    ours = fake_quantize(torch.from_numpy(x), torch.from_numpy(scale), torch.from_numpy(zero).float(), 1, -128, 127)
    np.testing.assert_array_equal(ours.numpy(), in_onnx_runtime(x, scale, zero, 1, block=4))


def test_the_operator_is_well_formed_for_tracing_and_autograd():
    x = torch.randn(3, 4, 5, requires_grad=True)
    scale = torch.full((4,), 0.1, requires_grad=True)
    zero = torch.zeros(4, requires_grad=True)
    torch.library.opcheck(torch.ops.paredown.fake_quantize.default, (x, scale, zero, 1, -8, 7))


def test_gradients_are_those_of_lsq():
    x = torch.tensor([-1.0, 0.26, 0.5, 9.0], requires_grad=True)
    scale = torch.tensor(0.5, requires_grad=True)
    zero = torch.tensor(2.0, requires_grad=True)
    weight = torch.tensor([1.0, 2.0, 4.0, 8.0])
    (fake_quantize(x, scale, zero, -1, 0, 7) * weight).sum().backward()
    # x / s = -2, 0.52, 1, 18: stored 0, 3, 3, 20; the last is clipped to 7
    assert x.grad.tolist() == [1.0, 2.0, 4.0, 0.0]
    damping = 1 / np.sqrt(4 * 7)
    assert scale.grad.item() == pytest.approx(damping * (1 * 0 + 2 * (1 - 0.52) + 4 * 0 + 8 * (7 - 2)), rel=1e-5)
    assert zero.grad.item() == pytest.approx(damping * 8 * -0.5, rel=1e-5)


@pytest.mark.parametrize(("shape", "axis"), [((4,), 1), ((3, 2), 1), ((), -1)])
def test_gradients_of_scales_have_their_shape_and_sum_over_what_they_scale(shape, axis):
    x = torch.randn(3, 4)
    scale = torch.full(shape, 0.05, requires_grad=True)
    zero = torch.zeros(shape)
    fake_quantize(x, scale, zero, axis, -8, 7).sum().backward()
    whole = torch.full((3, 4), 0.05, requires_grad=True)
    fake_quantize(x, whole, torch.zeros(3, 4), 1, -8, 7).sum().backward()
    assert scale.grad.shape == scale.shape
    per_scale = np.sqrt(7 * x.numel() / scale.numel())
    assert scale.grad.sum().item() * per_scale == pytest.approx(whole.grad.sum().item() * np.sqrt(7), rel=1e-4)


def test_a_negative_scale_counts_as_its_size_and_learns_in_its_own_direction():
    x = torch.randn(20)
    results = []
    for sign in (1.0, -1.0):
        scale = torch.tensor(0.1 * sign, requires_grad=True)
        y = fake_quantize(x, scale, torch.tensor(0.0), -1, -8, 7)
        y.square().sum().backward()
        results.append((y.detach(), scale.grad.item()))
    assert torch.equal(results[0][0], results[1][0])
    assert results[0][1] == pytest.approx(-results[1][1])


def test_bfloat16_stays_bfloat16_under_autocast():
    layer = nn.Linear(4, 4)
    scale = nn.Parameter(torch.tensor(0.1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = fake_quantize(layer(torch.randn(2, 4)), scale, torch.tensor(0.0), -1, -128, 127)
    assert y.dtype == torch.bfloat16
    y.float().sum().backward()
    assert scale.grad.dtype == torch.float32
    assert layer.weight.grad is not None


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.conv(x).relu().mean((2, 3)))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return paredown.capture(Small(), torch.randn(2, 1, 6, 6))


def rounded(network):
    nodes = {node.name: node for node in network.nodes()}
    weight = next(node for node in network.nodes() if node.target == "conv.weight")
    insert_after(network, nodes["relu"], "conv.relu", Grid(torch.tensor(0.02), torch.tensor(0.0), UINT8))
    per_channel = Grid(torch.full((4,), 0.003), torch.zeros(4), INT8, axis=0)
    insert_after(network, weight, "conv.weight", per_channel)
    return network.recompile()


def test_inserted_nodes_round_with_trainable_scales_and_fixed_zero_points(network):
    x = torch.randn(3, 1, 6, 6)
    before = network(x)
    quantized = rounded(network.copy())
    assert {"conv.relu_scale", "conv.weight_scale"} <= dict(quantized.named_parameters()).keys()
    assert {"conv.relu_zero_point", "conv.weight_zero_point"} <= dict(quantized.named_buffers()).keys()
    assert [entry.value.name for entry in fake_quantized(quantized)] != []
    assert 0 < (quantized(x) - before).abs().max() < 0.1
    quantized(x).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in quantized.parameters())


def test_nodes_of_one_name_share_their_scale(network):
    nodes = {node.name: node for node in network.nodes()}
    grid = Grid(torch.tensor(0.02), torch.tensor(0.0), UINT8)
    insert_after(network, nodes["relu"], "shared", grid)
    insert_after(network, nodes["mean"], "shared", Grid(torch.tensor(9.0), torch.tensor(0.0), UINT8))
    network.recompile()
    assert {entry.scale for entry in fake_quantized(network)} == {"shared_scale"}
    assert network.get_parameter("shared_scale").item() == pytest.approx(0.02)


def test_only_the_named_users_read_the_rounded_value(network):
    nodes = {node.name: node for node in network.nodes()}
    made = insert_after(
        network, nodes["relu"], "r", Grid(torch.tensor(1.0), torch.tensor(0.0), UINT8), users=[nodes["mean"]]
    )
    assert list(made.users) == [nodes["mean"]]
    assert FakeQuantize.of(nodes["relu"]) is None


def test_biases_become_whole_numbers_of_steps(network):
    network = rounded(network)
    nodes = {node.name: node for node in network.nodes()}
    grid = Grid(torch.tensor(0.02), torch.tensor(3.0), UINT8)
    insert_after(network, nodes["x"], "x", grid)
    network.recompile()
    before = network.get_parameter("conv.bias").detach().clone()
    round_biases(network)
    after = network.get_parameter("conv.bias").detach()
    steps = after.double() / (torch.tensor(0.02).double() * torch.tensor(0.003).double())
    assert torch.allclose(steps, steps.round(), atol=1e-3)
    assert 0 < (after - before).abs().max() <= 0.02 * 0.003
    assert torch.equal(network.get_parameter("head.bias"), network.copy().get_parameter("head.bias"))


def test_a_quantized_network_exports_again_compiles_and_is_stored(network, tmp_path):
    network = rounded(network)
    x = torch.randn(5, 1, 6, 6)
    again = torch.export.export(
        network.graph_module, network.example, dynamic_shapes=({0: torch.export.Dim.DYNAMIC},)
    ).module()
    torch.testing.assert_close(again(x)[0], network(x))
    compiled = torch.compile(network.graph_module, backend="aot_eager")
    torch.testing.assert_close(compiled(x)[0], network(x))
    network.save(tmp_path / "network.pt2")
    assert torch.equal(Network.load(tmp_path / "network.pt2")(x), network(x))


def test_grids_that_cannot_be_are_refused():
    with pytest.raises(InputError, match=r"A grid with \[2\] scales and \[\] zero points was given"):
        Grid(torch.ones(2), torch.tensor(0.0), INT8)
    with pytest.raises(InputError, match="scales are positive numbers"):
        Grid(torch.tensor(0.0), torch.tensor(0.0), INT8)
