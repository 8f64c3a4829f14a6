import pytest
import torch
from torch import nn

import paredown
from paredown.graph.fakequantize import Grid, insert_after
from paredown.graph.fold import fold_batch_norm
from paredown.graph.formats import INT8, UINT8


class Small(nn.Module):
    """A convolution with batch norm, a pool and a head."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Linear(4, 2)
        nn.init.uniform_(self.norm.running_var, 0.5, 2.0)
        nn.init.normal_(self.norm.running_mean)

    def forward(self, image):
        return self.head(self.norm(self.conv(image)).relu().mean((2, 3)))


@pytest.fixture
def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return paredown.capture(Small().eval(), torch.randn(2, 3, 8, 8))


@pytest.fixture
def rounded(network):
    """The network with its input, the ReLU's value and the convolution's weight rounded by hand."""
    network, _ = fold_batch_norm(network)
    nodes = {node.name: node for node in network.nodes()}
    weight = next(node for node in network.nodes() if node.target == "conv.weight")
    for name, scale, zero in (("image", 0.04, 128.0), ("relu", 0.02, 0.0)):
        insert_after(network, nodes[name], name, Grid(torch.tensor(scale), torch.tensor(zero), UINT8))
    scale = weight.meta["val"].shape[0]
    insert_after(network, weight, "conv.weight", Grid(torch.full((scale,), 0.002), torch.zeros(scale), INT8, axis=0))
    return network.recompile()
