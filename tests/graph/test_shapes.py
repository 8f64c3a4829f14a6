import pytest
import torch
from torch import nn

from paredown.errors import InputError
from paredown.graph.capture import capture
from paredown.graph.shapes import propagate, size_at

from . import traps


def test_shapes_follow_an_edit():
    network = capture(nn.Sequential(nn.Linear(4, 6), nn.ReLU()), torch.randn(2, 4))
    network.get_submodule("0").register_parameter("weight", nn.Parameter(torch.randn(3, 4)))
    network.get_submodule("0").register_parameter("bias", nn.Parameter(torch.randn(3)))
    propagate(network)
    for node in network.nodes():
        if node.op == "call_function":
            assert node.meta["val"].shape[1] == 3
            assert not isinstance(node.meta["val"].shape[0], int)


def test_one_symbol_per_named_dimension():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    network = capture(layer, torch.randn(2, 5, 8), dynamic={"src": {1: "sequence"}})
    (source,) = [node for node in network.nodes() if node.op == "placeholder"]
    batch, sequence, width = source.meta["val"].shape
    assert width == 8
    assert str(batch) != str(sequence)
    assert size_at(batch, network, batch=3) == 3
    assert size_at(batch * sequence, network, batch=3) == 15
    assert size_at(7, network) == 7
    names = {
        str(s)
        for node in network.nodes()
        if node.op == "call_function" and isinstance(node.meta["val"], torch.Tensor)
        for size in node.meta["val"].shape
        if not isinstance(size, int)
        for s in size.node.expr.free_symbols
    }
    assert names <= {str(batch), str(sequence)}


def test_shapes_that_do_not_fit_name_the_node():
    network = capture(traps.Residual(), torch.randn(2, 3, 8, 8))
    network.get_submodule("conv1").register_parameter("weight", nn.Parameter(torch.randn(5, 3, 3, 3)))
    with pytest.raises(
        InputError, match=r"batch_norm.default \(node batch_norm, module 'bn1'\) cannot take .*Undo the last change"
    ):
        propagate(network)


def test_a_fixed_batch_names_the_node():
    network = capture(nn.Flatten(), torch.randn(2, 3, 4))
    graph = network.graph_module.graph
    (flatten,) = [node for node in graph.nodes if node.op == "call_function"]
    with graph.inserting_after(flatten):
        view = graph.call_function(torch.ops.aten.view.default, (flatten, [7, 12]))
    flatten.replace_all_uses_with(view, delete_user_cb=lambda user: user is not view)
    with pytest.raises(InputError, match=r"The batch dimension was fixed to 7 by aten.view.default \(node view"):
        propagate(network)
