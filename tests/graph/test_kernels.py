"""Layers on their own: as large as in the network, before and after a cut, and computing the same."""

import pytest
import torch
from hypothesis import given, settings

from paredown.graph import cost
from paredown.graph.axes import analyse
from paredown.graph.axes.kernels import layers
from paredown.graph.cut import cut
from paredown.testing.networks import networks
from paredown.testing.zoo import captured

_TYPES = ("conv1d", "conv2d", "conv3d", "linear")


def expected(network):
    """Multiply-accumulates of every convolution and linear layer, as counted on the graph."""
    return {one.name: one.macs for one in cost.costs(network) if one.operator.split(".")[1] in _TYPES}


@settings(max_examples=15, deadline=None)
@given(networks())
def test_kernels_of_random_networks_are_as_large_as_their_layers(random):
    network = random.network if hasattr(random, "network") else random
    axes = analyse(network)
    found = {layer.node: layer.kernel(axes, {}).macs for layer in layers(network, axes)}
    assert found == {name: macs for name, macs in expected(network).items() if name in found}
    assert set(found) == set(expected(network))


def test_kernels_follow_a_cut():
    network = captured("PaddedResidual")
    axes = analyse(network)
    kept = {group.name: max(1, group.size // 2) for group in axes.free}
    small = cut(network, {name: torch.arange(count) for name, count in kept.items()})
    found = {layer.node: layer.kernel(axes, kept).macs for layer in layers(network, axes)}
    assert found == expected(small)
    assert sum(found.values()) < sum(expected(network).values())


@pytest.mark.parametrize("bias", [True, False])
def test_a_kernel_computes_what_its_operator_does(bias):
    class Pair(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=2, bias=bias)
            self.head = torch.nn.Linear(8, 3, bias=bias)

        def forward(self, x):
            return self.head(self.conv(x).mean((2, 3)))

    import paredown

    network = paredown.capture(Pair(), torch.randn(2, 4, 9, 9))
    axes = analyse(network)
    conv, head = (layer.kernel(axes, {}) for layer in layers(network, axes))
    assert (conv.rows, conv.weight, conv.bias) == ((1, 4, 9, 9), (8, 2, 3, 3), bias)
    assert (head.rows, head.weight, head.settings) == ((1, 8), (3, 8), ())
    alone = conv.network()
    x = torch.randn(3, 4, 9, 9)
    state = alone.state_dict()
    want = torch.nn.functional.conv2d(x, state["weight"], state.get("bias"), stride=2, padding=1, groups=2)
    torch.testing.assert_close(alone(x), want)
    assert conv == layers(network, axes)[0].kernel(axes, {})
