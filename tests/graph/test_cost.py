import pytest
import torch
import torch.nn.functional as F
from torch import nn

from paredown.graph.capture import capture
from paredown.graph.cost import costs, total
from paredown.graph.fakequantize import Grid, insert_after
from paredown.graph.formats import INT8

from . import traps


class _Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


@pytest.mark.parametrize(
    ("model", "inputs", "operator", "macs", "parameters"),
    [
        (nn.Conv2d(3, 8, 3, padding=1), [(3, 10, 10)], "conv2d", 8 * 10 * 10 * 3 * 9, 8 * 27 + 8),
        (nn.Conv2d(8, 8, 5, stride=2, groups=8, bias=False), [(8, 9, 9)], "conv2d", 8 * 3 * 3 * 25, 8 * 25),
        (nn.Conv1d(4, 6, 3), [(4, 12)], "conv1d", 6 * 10 * 4 * 3, 6 * 12 + 6),
        (nn.Conv3d(2, 4, 2), [(2, 3, 3, 3)], "conv3d", 4 * 8 * 2 * 8, 4 * 16 + 4),
        (nn.ConvTranspose2d(4, 6, 2, stride=2), [(4, 5, 5)], "conv_transpose2d", 4 * 25 * 6 * 4, 4 * 6 * 4 + 6),
        (nn.Linear(7, 5), [(7,)], "linear", 35, 40),
        (nn.Linear(7, 5), [(3, 7)], "linear", 3 * 35, 40),
        (_Function(torch.matmul), [(4, 5), (5, 6)], "matmul", 4 * 5 * 6, 0),
        (_Function(torch.bmm), [(4, 5), (5, 6)], "bmm", 4 * 5 * 6, 0),
        (_Function(F.scaled_dot_product_attention), [(2, 5, 8), (2, 7, 8), (2, 7, 4)], "scaled_dot", 2 * 5 * 7 * (8 + 4), 0),
        (_Function(lambda a, b: torch.einsum("bij,bjk->bik", a, b)), [(4, 5), (5, 6)], "einsum", 4 * 5 * 6, 0),
        (nn.BatchNorm2d(3), [(3, 4, 4)], "batch_norm", 48, 6),
        (nn.LayerNorm(8), [(5, 8)], "layer_norm", 40, 16),
        (nn.ReLU(), [(3, 4)], "relu", 12, 0),
        (nn.MaxPool2d(2), [(3, 4, 4)], "max_pool2d", 48, 0),
        (nn.Flatten(), [(3, 4)], "flatten", 0, 0),
        (nn.LSTM(4, 6, batch_first=True), [(5, 4)], "lstm", 5 * (24 * 4 + 24 * 6), 24 * 4 + 24 * 6 + 48),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_each_operator_by_hand(model, inputs, operator, macs, parameters):
    network = capture(model, *(torch.randn(2, *shape) for shape in inputs))
    (cost,) = [cost for cost in costs(network) if operator in cost.operator]
    assert cost.macs == macs
    assert cost.parameters == parameters


def test_bytes_and_activations():
    network = capture(nn.Conv2d(3, 8, 3, bias=False), torch.randn(4, 3, 10, 10))
    (cost,) = costs(network)
    assert (cost.bytes, cost.activations) == (8 * 27 * 4, 8 * 8 * 8 * 4)
    assert (cost.name, cost.path, cost.operator) == ("conv2d", "", "aten.conv2d.default")


def test_eight_bit_weights_take_one_byte():
    network = capture(nn.Conv2d(3, 8, 3, bias=False), torch.randn(4, 3, 10, 10))
    (node,) = [node for node in network.nodes() if node.op == "call_function"]
    insert_after(network, node.args[1], "weight", Grid(torch.ones(8), torch.zeros(8), INT8, axis=0))
    network.recompile()
    (cost,) = costs(network)
    assert (cost.bytes, cost.parameters) == (8 * 27, 8 * 27)
    assert total(network).bytes == 8 * 27


def test_tied_parameters_count_once_in_the_total():
    network = capture(traps.Tied(), torch.randint(0, 11, (2, 5)))
    assert total(network).parameters == 88
    assert sum(cost.parameters for cost in costs(network)) == 176


def test_a_residual_network_by_hand():
    network = capture(traps.Residual(), torch.randn(2, 3, 8, 8))
    convolutions = 64 * 8 * 27 + 64 * 8 * 72
    assert sum(c.macs for c in costs(network) if "conv" in c.operator or "linear" in c.operator) == convolutions + 32
    assert total(network).parameters == sum(p.numel() for p in traps.Residual().parameters())


def test_a_free_sequence_counts_as_long_as_the_example():
    network = capture(nn.Linear(4, 3), torch.randn(2, 6, 4), dynamic={"input": {1: "sequence"}})
    assert total(network).macs == 6 * 12
