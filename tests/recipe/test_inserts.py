"""Modules in a graph for as long as it is trained."""

import pytest
import torch
from torch import nn

from paredown.errors import RecipeError
from paredown.recipe.inserts import Insert, Inserts, shaped
from paredown.recipe.taps import find


class Twice(nn.Module):
    """Doubles while training."""

    def forward(self, x):
        return 2.0 * x if self.training else x


def test_a_module_changes_a_value_while_training_only(network):
    inputs = torch.randn(4, 1, 6, 6)
    plain = network(inputs)
    before = network.fingerprint()
    inserts = Inserts(network)
    head = find(network, "head")
    inserts.add(Insert(next(node for node in head.all_input_nodes if node.op != "get_attr"), Twice()))
    assert torch.equal(network(inputs), plain)
    for module in network.modules():
        module.training = True  # without dropout and batch norm, which `network.train()` would switch too
    bias = network.get_parameter("head.bias")
    torch.testing.assert_close(network(inputs), 2 * (plain - bias) + bias)
    network.eval()
    inserts.leave(network)
    inserts.leave(network)
    assert network.fingerprint() == before
    assert not any("insert" in name for name, _ in network.named_modules())


def test_copies_follow_their_own_mode(network):
    inserts = Inserts(network)
    inserts.add(Insert(find(network, "body.2"), Twice()))
    twin = network.copy()
    network.train()
    inputs = torch.randn(4, 1, 6, 6)
    inserts.leave(network)
    assert torch.equal(twin(inputs), network.eval()(inputs))


def test_inputs_and_weights_can_be_changed(network):
    before = network.fingerprint()
    inserts = Inserts(network)
    found = [node for node in network.nodes() if node.op == "placeholder" or str(node.target) == "head.weight"]
    inserts.add(*(Insert(node, Twice()) for node in found))
    assert sum(node.op == "call_module" for node in network.nodes()) == 2
    inserts.leave(network)
    assert network.fingerprint() == before


def test_only_some_users_may_get_the_changed_value(network):
    relu = find(network, "body.2")
    (user,) = relu.users
    inserts = Inserts(network)
    inserts.add(Insert(relu, Twice(), (user,)))
    assert user.all_input_nodes[0].op == "call_module"


def test_a_value_that_only_leaves_the_network_is_refused(network):
    with pytest.raises(RecipeError, match=r"Nothing in the network uses the value of '\w+' \(module 'head'\)"):
        Inserts(network).add(Insert(find(network, "head"), Twice()))


def test_shapes_are_computed_where_they_are_missing(network):
    for node in network.nodes():
        node.meta.pop("val", None)
    assert find(shaped(network), "body.2").meta["val"].ndim == 4
