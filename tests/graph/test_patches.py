"""Layers as products with patches, against the layers themselves."""

import pytest
import torch
from torch import nn

from paredown.graph.capture import capture
from paredown.graph.patches import LAYERS, groups_of, patches

CASES = {
    "strided": (nn.Conv2d(4, 6, 3, stride=2, padding=1), (4, 9, 7)),
    "dilated": (nn.Conv2d(4, 6, (3, 1), padding=(2, 0), dilation=(2, 1)), (4, 9, 7)),
    "grouped": (nn.Conv2d(4, 8, 3, groups=2), (4, 6, 6)),
    "depthwise": (nn.Conv2d(4, 4, 3, padding=1, groups=4), (4, 6, 6)),
    "same": (nn.Conv2d(4, 6, (4, 3), padding="same", dilation=(1, 2)), (4, 8, 8)),
    "valid": (nn.Conv2d(4, 6, 3, padding="valid"), (4, 6, 6)),
    "one dimension": (nn.Conv1d(4, 6, 5, stride=3, padding=2), (4, 20)),
    "three dimensions": (nn.Conv3d(2, 3, 2, stride=(1, 2, 1), padding=1), (2, 4, 5, 3)),
    "linear": (nn.Linear(4, 6), (5, 4)),
}


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")
@pytest.mark.parametrize("name", CASES)
def test_a_layer_is_a_product_with_patches(name):
    layer, shape = CASES[name]
    network = capture(layer, torch.randn(2, *shape))
    (node,) = [node for node in network.nodes() if node.target in LAYERS]
    x = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0))
    weight = layer.weight.detach()
    found = patches(node, weight.shape, x)
    groups = groups_of(node)
    assert found.shape[1] == groups == getattr(layer, "groups", 1)
    rows = weight.reshape(groups, weight.shape[0] // groups, -1)
    made = torch.einsum("pgi,gri->pgr", found, rows).flatten(1) + layer.bias.detach()
    wanted = layer(x).detach()
    wanted = wanted if name == "linear" else wanted.movedim(1, -1)
    torch.testing.assert_close(made, wanted.reshape(-1, wanted.shape[-1]), atol=1e-5, rtol=1e-5)
