"""Residual blocks: which there are, and networks without them."""

import dataclasses

import pytest
import torch
from torch import nn

import paredown
from paredown.errors import CutError, InputError
from paredown.graph.bypass import Block, _prove, blocks, bypass, unused
from paredown.testing.blocks import PaddedResidual, with_statistics


def residual():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return with_statistics(PaddedResidual())


@pytest.fixture(scope="module")
def network():
    return paredown.capture(residual(), torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)))


def names(model, *shape):
    return [block.name for block in blocks(paredown.capture(model, torch.randn(2, *shape)))]


def test_shortcuts_that_change_the_shape_are_no_way_around(network):
    assert [block.name for block in blocks(network)] == ["layers.0", "layers.1", "layers.3", "layers.5"]


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(8), nn.LayerNorm(8)
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 8)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))
        self.position = nn.Parameter(torch.randn(1, 5, 8))
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = x + self.position
        q, k, v = self.qkv(self.norm1(x)).unflatten(2, (3, 2, 4)).permute(2, 0, 3, 1, 4).unbind(0)
        attended = nn.functional.scaled_dot_product_attention(q, k, v)
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        x = self.mlp(self.norm2(x)) + x
        return self.head(x.mean(1))


class Odd(nn.Module):
    """Additions that close no block."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)
        self.bias = nn.Parameter(torch.zeros(4))

    def forward(self, x):
        parallel = self.one(x) + self.two(x)
        scaled = torch.add(self.two(parallel), parallel, alpha=2)
        pooled = scaled.mean(1, keepdim=True) + self.bias
        return self.one(pooled) + 1


def test_attention_and_feed_forward_are_blocks():
    assert len(names(Transformer(), 5, 8)) == 2


def test_other_additions_are_none():
    assert names(Odd(), 4) == []


@pytest.mark.parametrize("chosen", [(0,), (1,), (0, 1)])
def test_a_transformer_without_blocks_still_runs_at_any_batch(chosen):
    network = paredown.capture(Transformer(), torch.randn(2, 5, 8))
    found = blocks(network)
    small = bypass(network, [found[i] for i in chosen])
    assert small(torch.randn(7, 5, 8)).shape == (7, 3)
    left = small.state_dict()
    assert ("qkv.weight" in left) == (0 not in chosen)
    assert ("mlp.0.weight" in left) == (1 not in chosen)
    gone = unused(network, [found[i] for i in chosen])[1]
    assert set(network.state_dict()) - set(left) == set(gone)


def test_skipping_is_what_the_user_would_write(network):
    before = network.fingerprint()
    small = bypass(network, blocks(network)[:2])
    assert network.fingerprint() == before
    model = residual()
    model.layers[0] = model.layers[1] = nn.Identity()  # what comes in has passed a rectifier already
    x = torch.randn(4, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(small(x), model(x))


def test_blocks_of_another_network_are_refused(network):
    with pytest.raises(InputError, match=r"There is no block 'x' \(node 'nothing'\) in this network. Plan again"):
        bypass(network, [Block("x", "nothing", 0)])


def test_a_wrong_way_around_is_caught(network):
    wrong = dataclasses.replace(blocks(network)[0], skip=1 - blocks(network)[0].skip)
    right = bypass(network, [wrong])
    assert right is not None
    with pytest.raises(CutError, match=r"Output 0 without the blocks layers\.0 is not what skipping them gives"):
        _prove(network, right, blocks(network)[:1])
