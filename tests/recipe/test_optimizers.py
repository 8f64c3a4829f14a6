"""Which parameters are trained how."""

import pytest
import torch
from torch import nn

import paredown
from paredown.graph.fakequantize import Grid, insert_after
from paredown.graph.formats import UINT8
from paredown.recipe import SGD, AdamW, Train
from paredown.recipe.optimizers import decaying, groups


def test_only_weights_decay(network):
    assert set(decaying(network)) == {"body.0.weight", "body.3.weight", "head.weight"}


def test_tokens_layer_scale_and_norms_do_not_decay():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Parameter(torch.randn(1, 1, 8))
            self.scale = nn.Parameter(torch.ones(8, 1, 1))
            self.norm = nn.LayerNorm((4, 8))
            self.embed = nn.Linear(8, 8, bias=False)

        def forward(self, x):
            return self.embed(self.norm(x + self.token)) * self.scale[:, 0, 0]

    network = paredown.capture(Block(), torch.randn(2, 4, 8))
    assert set(decaying(network)) == {"embed.weight"}


def test_scales_of_quantizers_move_in_proportion_and_do_not_decay(network):
    for name, scale in (("relu", 0.01), ("relu_1", 0.0005)):
        node = next(node for node in network.nodes() if node.name == name)
        insert_after(network, node, name, Grid(torch.tensor(scale), torch.tensor(0.0), UINT8))
    network.recompile()
    named = {id(parameter): name for name, parameter in network.named_parameters()}
    found = {named[id(p)]: group for group in groups(network, 0.1) for p in group["params"]}
    assert set(found) == set(named.values())
    assert found["head.weight"]["weight_decay"] == 0.1
    assert found["head.bias"]["weight_decay"] == found["relu_scale"]["weight_decay"] == 0.0
    assert found["head.bias"]["factor"] == 1.0
    assert 0.005 <= found["relu_scale"]["factor"] <= 0.02
    assert 0.00025 <= found["relu_1_scale"]["factor"] <= 0.001


@pytest.mark.parametrize("optimizer", [AdamW(lr=1e-2, weight_decay=0.5), SGD(lr=1e-2, weight_decay=0.5)])
def test_weight_decay_reaches_the_optimizer(network, evidence, optimizer):
    import dataclasses

    train = Train(epochs=1, optimizer=optimizer, early=None, device="cpu")
    plain = dataclasses.replace(train, optimizer=dataclasses.replace(optimizer, weight_decay=0.0))
    norms = [t.fit(network, evidence).network.get_parameter("head.weight").norm().item() for t in (train, plain)]
    assert norms[0] < 0.99 * norms[1]
